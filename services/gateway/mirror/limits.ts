/** Bytes of a request that is kept to be sent a second time. */
export const MIRROR_REQUEST_BYTES_MAX = 64 * 1024;
/** Bytes of an answer that is kept to be compared. */
export const MIRROR_ANSWER_BYTES_MAX = 256 * 1024;
/** Copies at once, those among them whose callers are being answered: with the bytes above, what mirrors hold at most, 32 MiB. */
export const COPIES_MAX = 100;
/** Methods, each with a version, that are compared at once; copies of further ones are made and not compared. */
export const COMPARED_METHODS_MAX = 256;
/** Kinds of difference that are told apart for a method; there are few, or the answers have nothing in common. */
export const DIFFERENCES_MAX = 32;
/** Fields of an answer that make up its shape, how deep they are looked for, and the items of a list that are looked at. */
export const SHAPE_FIELDS_MAX = 512;
export const SHAPE_DEPTH_MAX = 8;
export const SHAPE_ITEMS_MAX = 16;
