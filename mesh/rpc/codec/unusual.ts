/** Thrown for what is not written or read here: it goes to protobuf-es, which can, or says what is wrong with it. */
export const unusual = new Error("a message that is left to protobuf-es");
