/** Says how urgent the call is that this one is made for: `low`, `normal`, `high` or `critical`. Heard of services alone. */
export const PRIORITY_HEADER = "heddle-priority";
