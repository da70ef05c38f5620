// What values and keys may be read as, beside what their topic says and `auto`.

export const FORMATS = ["json", "text", "hex", "base64", "avro", "protobuf", "json-schema", "msgpack", "cbor", "avro-container", "int32", "int64", "float", "double", "uuid"];
