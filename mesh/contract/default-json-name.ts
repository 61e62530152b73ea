/** The JSON name of a field that sets none: in lowerCamelCase (protobuf's JSON mapping). */
export const defaultJsonName = (name: string): string =>
  name.replaceAll(/_+(.?)/g, (_, next: string) => next.toUpperCase());
