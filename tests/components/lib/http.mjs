// What travels over HTTP in the tests, byte for byte: a request with exactly the path and the headers that were given
// (no normalising, no automatic redirect), and a browser's cookie jar on top of it. Knows nothing of the gate.
import http from 'node:http';

/** The names of these tests end in `.test` and live on loopback. */
export function lookup(name, options, found) {
  if (!name.endsWith('.test')) return found(new Error(`${name} is not a name of these tests`));
  return options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4);
}

/**
 * One request on a connection of its own. `path` goes out as it stands.
 * @returns {Promise<{status: number, headers: object, setCookies: string[], body: string, json: () => any}>}
 */
export function request(origin, path, { method = 'GET', headers = {}, body } = {}) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ hostname, port, path, method, headers, agent: false, timeout: 20_000, lookup }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({
          status: answer.statusCode,
          headers: answer.headers,
          setCookies: answer.headers['set-cookie'] ?? [],
          body: text,
          json: () => JSON.parse(text),
        });
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${path} in time`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/**
 * Opens a WebSocket as far as the gate sees one.
 * @returns {Promise<{status: number, socket?: import('node:net').Socket, ended?: Promise<void>}>}
 */
export function upgrade(origin, path, headers = {}) {
  const { hostname, port } = new URL(origin);
  const asked = { connection: 'Upgrade', upgrade: 'websocket', ...headers };
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ hostname, port, path, headers: asked, agent: false, timeout: 20_000, lookup });
    outgoing.on('upgrade', (answer, socket) => {
      const ended = new Promise((close) => socket.on('close', close).on('error', () => {}));
      resolve({ status: answer.statusCode, socket: socket.resume(), ended });
    });
    outgoing.on('response', (answer) => { answer.resume(); resolve({ status: answer.statusCode }); });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** The body of an HTML form, and the header that announces it. */
export function form(fields) {
  return { body: new URLSearchParams(fields).toString(), type: { 'content-type': 'application/x-www-form-urlencoded' } };
}

/** The whole body of a request that a server of these tests received. */
export async function readBody(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The cookies of an incoming request, by name. */
export function cookiesOf(incoming) {
  const pairs = (incoming.headers.cookie ?? '').split(';').map((pair) => pair.trim()).filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/**
 * A person's browser as far as the log-in needs one: it keeps cookies for each origin and goes where it is sent.
 * `visited` holds every address, oldest first.
 */
export class Browser {
  #jars = new Map();
  visited = [];

  constructor(headers = {}) {
    this.headers = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: 'text/html', ...headers };
  }

  cookie(origin, name) {
    return this.#jar(origin).get(name);
  }

  setCookie(origin, name, value) {
    this.#jar(origin).set(name, value);
  }

  /** One request, not following where the answer sends. */
  async once(address, { method = 'GET', headers = {}, fields } = {}) {
    const url = new URL(address);
    this.visited.push(url.href);
    const jar = this.#jar(url.origin);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const filled = fields ? form(fields) : { type: {} };
    const answer = await request(url.origin, url.pathname + url.search, {
      method,
      headers: { ...this.headers, ...(cookie ? { cookie } : {}), ...filled.type, ...headers },
      body: filled.body,
    });
    for (const line of answer.setCookies) this.#keep(jar, line);
    return { ...answer, url };
  }

  /** One request and all the redirects after it; `until` may stop at an address before it is asked for. */
  async go(address, options = {}, until = () => false) {
    let answer = await this.once(address, options);
    for (let hops = 0; hops < 20 && answer.status >= 300 && answer.status < 400; hops += 1) {
      const next = new URL(answer.headers.location, answer.url);
      if (until(next)) return { ...answer, next };
      answer = await this.once(next);
    }
    return answer;
  }

  #jar(origin) {
    const key = new URL(origin).origin;
    if (!this.#jars.has(key)) this.#jars.set(key, new Map());
    return this.#jars.get(key);
  }

  #keep(jar, line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf('='));
    const value = pair.slice(pair.indexOf('=') + 1);
    const gone = attributes.some((attribute) => {
      const [key, when] = attribute.split('=');
      if (/^max-age$/i.test(key)) return Number(when) <= 0;
      return /^expires$/i.test(key) && Date.parse(when) < Date.now();
    });
    if (gone || value === '') jar.delete(name);
    else jar.set(name, value);
  }
}
