import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { HeaderList } from "./header-list.ts";
import { type Session, serveSession } from "./index.ts";

const OK = HeaderList.of({ ":status": "200" });

/** A server whose connection drains in the turn in which it answers request number `atRequest`. */
const startServer = async (atRequest: number): Promise<string> => {
  const server = createServer((socket) => {
    let requests = 0;
    const session: Session = serveSession(
      socket,
      {
        onStream(stream) {
          stream.sendHeaders(OK, undefined, false);
          stream.sendData(Buffer.from("answer"), true);
          if (++requests === atRequest) session.drain();
        },
      },
      systemRuntime(),
    );
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** Makes one request after the other, each as soon as the answer before it has ended, until the session says that it takes no more. */
const requestUntilTold = (session: ClientHttp2Session): Promise<string> =>
  new Promise((resolve) => {
    const next = () => {
      if (session.closed) {
        resolve("told");
        return;
      }
      const request = session.request({ ":path": "/" });
      request.once("error", (error) => resolve(`lost: ${error.message}`));
      request.once("end", next).resume();
    };
    next();
  });

test.each([1, 2, 7])("a client whose answer %i was written with the drain loses no request", async (atRequest) => {
  const session = connect(await startServer(atRequest));
  expect(await requestUntilTold(session)).toBe("told");
  if (!session.destroyed) await once(session, "close");
});
