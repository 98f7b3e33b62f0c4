// The gate's own binary as a test starts it: a policy directory written to a temporary folder, ports nobody else uses, and
// the questions that its admin address answers. Knows nothing of single policies.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import net from 'node:net';
import { request } from './http.mjs';
import { freePort, start, temporaryFolder, waitFor } from './processes.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

const SECRET = 'synthetic-secret-of-the-component-tests-0123456789abcdef';

/** The binary under test: VNEID_GATE, or what `cargo build` made. */
export function binary() {
  const path = process.env.VNEID_GATE ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug', 'vneid-gate');
  if (!existsSync(path)) throw new Error(`${path} is not there: run \`cargo build --locked\` first, or name a binary in VNEID_GATE`);
  return path;
}

/**
 * Starts `vneid-gate run` on a directory made of `files` (name -> text, or a function of the ports and the folder).
 * A gate.toml with listener, admin address, `state` (memory unless it says otherwise) and an audit file is written when `files`
 * names none. `startAgain()` starts another process on the same folder and ports.
 * @returns {Promise<{url, admin, folder, program, metrics, readiness, startAgain, stop}>}
 */
export async function startGate(files, { ready = true, listeners = '', state = 'store = "memory"', admin = '', secret = SECRET } = {}) {
  const folder = temporaryFolder('policy');
  const port = await freePort();
  const adminPort = await freePort();
  const settings = `
[gate]
name        = "components"
time_zone   = "Asia/Ho_Chi_Minh"
secret_file = "secret"
${listeners}
[[listener]]
address = "127.0.0.1:${port}"

[admin]
address = "127.0.0.1:${adminPort}"
${admin}

[state]
${state}

[audit]
path = "${folder}/audit.jsonl"
`;
  writeFileSync(join(folder, 'secret'), `${secret}\n`, { mode: 0o600 });
  for (const [name, text] of Object.entries({ 'gate.toml': settings, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const launch = () => start(binary(), ['run', folder], { env: { RUST_LOG: process.env.RUST_LOG ?? 'info' } });
  const gate = {
    url: `http://portal.test:${port}`,
    admin: `http://127.0.0.1:${adminPort}`,
    folder,
    program: launch(),
    metrics: async () => parseMetrics((await request(gate.admin, '/metrics')).body),
    readiness: () => request(gate.admin, '/readyz'),
    stop: (how) => gate.program.stop(how),
    startAgain: () => {
      gate.program = launch();
      return up();
    },
  };
  const up = async () => {
    const { program } = gate;
    await waitFor('the gate listens', () => accepts(port).then((open) => open && accepts(adminPort)), { program });
    if (ready) await waitFor('the gate is ready', async () => (await gate.readiness()).status === 200, { program });
  };
  await up();
  return gate;
}

/** Whether something accepts connections on this loopback port. */
export function accepts(port) {
  return new Promise((resolveOpen) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolveOpen(true); });
    socket.once('error', () => resolveOpen(false));
  });
}

/** Prometheus text -> samples; `sum(name, labels)` adds up every series that has these labels. */
export function parseMetrics(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((m) => [m[1], m[2]]));
    samples.push({ name: found[1], labels, value: Number(found[3]) });
  }
  const matching = (name, labels = {}) =>
    samples.filter((s) => s.name === name && Object.entries(labels).every(([key, value]) => s.labels[key] === value));
  return {
    samples,
    has: (name) => samples.some((s) => s.name === name),
    sum: (name, labels) => matching(name, labels).reduce((total, s) => total + s.value, 0),
    by: (name, label, labels) => {
      const totals = {};
      for (const s of matching(name, labels)) totals[s.labels[label]] = (totals[s.labels[label]] ?? 0) + s.value;
      return totals;
    },
  };
}
