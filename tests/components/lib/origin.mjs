// A back end that remembers every request that reached it. A test that expects a refusal asks it whether anything came.
import http from 'node:http';
import { readBody } from './http.mjs';

/** Starts it on a loopback port of its own; `answer(seen, response)` may write another answer than `200 ok`. */
export async function startOrigin(answer = (seen, response) => response.end('ok')) {
  const requests = [];
  const server = http.createServer(async (incoming, response) => {
    const seen = { method: incoming.method, url: incoming.url, headers: incoming.headers, body: await readBody(incoming) };
    requests.push(seen);
    try {
      await answer(seen, response);
    } catch (error) {
      response.writeHead(500).end(String(error.stack));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${server.address().port}`,
    requests,
    /** What came since the last call. */
    take: () => requests.splice(0),
    stop: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
  };
}
