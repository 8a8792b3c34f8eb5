/** The ways in which the official client reaches a hub. */

import { Centrifuge } from "centrifuge";
import { Centrifuge as CentrifugeProtobuf } from "centrifuge/build/protobuf";

const json = { encode: (value) => value, decode: (data) => data };
const protobuf = {
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (data) => JSON.parse(new TextDecoder().decode(data)),
};

const websocket = (origin) => `ws://${origin}/connection/websocket`;
const emulated = (transport) => (origin) => [
  { transport, endpoint: `http://${origin}/connection/${transport}` },
];

/** By name: the class to construct, its endpoint, and how data looks in its codec. */
export const TRANSPORTS = {
  "websocket-json": { Client: Centrifuge, endpoint: websocket, codec: json },
  "websocket-protobuf": { Client: CentrifugeProtobuf, endpoint: websocket, codec: protobuf },
  "http_stream-json": { Client: Centrifuge, endpoint: emulated("http_stream"), codec: json },
  "http_stream-protobuf": {
    Client: CentrifugeProtobuf,
    endpoint: emulated("http_stream"),
    codec: protobuf,
  },
  "sse-json": { Client: Centrifuge, endpoint: emulated("sse"), codec: json },
};
