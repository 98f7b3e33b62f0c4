// A back end that remembers every request that reached it. A test that expects a refusal asks it whether anything came.
import http from 'node:http';
import { readBody } from './http.mjs';

/**
 * Starts it on a loopback port of its own; `answer(seen, response)` may write another answer than `200 ok`. Whoever asks for an
 * upgrade gets a tunnel that says back what it hears.
 */
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
  const tunnels = new Set();
  server.on('upgrade', (incoming, socket) => {
    requests.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body: '' });
    tunnels.add(socket.on('close', () => tunnels.delete(socket)).on('error', () => {}));
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${server.address().port}`,
    requests,
    tunnels,
    /** What came since the last call. */
    take: () => requests.splice(0),
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
      tunnels.forEach((socket) => socket.destroy());
    }),
  };
}
