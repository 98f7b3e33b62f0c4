// How the tests start real programs, wait for what they do, and end them: always by process id, never by name. A program
// that is not installed is an error that says so. Knows nothing of what the programs are for.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const running = new Set();
process.setMaxListeners(0); // every temporary folder waits for the end
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1)); // interrupted: "exit" cleans up

/**
 * Starts a program. `output` grows as it writes; `stop()` asks it to end (`signal`, then SIGKILL after `patience` ms) and
 * resolves to its exit code, or to the name of the signal that ended it.
 */
export function start(command, args, { cwd, env = {} } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const program = { pid: child.pid, output: '', exited: false, ended: undefined, stop: undefined };
  program.ended = new Promise((resolve) => {
    child.on('error', (error) => {
      program.output += `${command} could not be started: ${error.message}\n`;
      program.exited = true;
      resolve('error');
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      program.exited = true;
      resolve(signal ?? code);
    });
  });
  running.add(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => { program.output += text; });
  }
  program.stop = async ({ signal = 'SIGTERM', patience = 15_000 } = {}) => {
    if (!program.exited) child.kill(signal);
    const last = setTimeout(() => child.kill('SIGKILL'), patience);
    const how = await program.ended;
    clearTimeout(last);
    return how;
  };
  return program;
}

/** Runs a program to its end and returns what it wrote to standard output; a non-zero exit is an error. */
export async function run(command, args, { input, ...options } = {}) {
  const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const read = async (stream) => {
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    return text;
  };
  const code = new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`${command} could not be started: ${error.message}`)));
    child.on('close', resolve);
  });
  child.stdin.on('error', () => {}); // a program may end without reading what it is given
  child.stdin.end(input);
  const [stdout, stderr, status] = await Promise.all([read(child.stdout), read(child.stderr), code]);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** Asks `probe` again and again until it gives something true; an error in it counts as "not yet". */
export async function waitFor(what, probe, { within = 30_000, every = 50, program } = {}) {
  const deadline = Date.now() + within;
  let last;
  while (Date.now() < deadline) {
    try {
      const found = await probe();
      if (found) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (program?.exited) break;
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  const why = program?.exited ? 'the program has ended' : `not within ${within} ms`;
  throw new Error(`${what}: ${why}${last ? ` (${last.message})` : ''}${program ? `\n${program.output.slice(-4000)}` : ''}`);
}

/** A loopback port that nothing listens on, from below the range that outgoing connections use. */
export async function freePort() {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise((resolve) => {
      const probe = net.createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port on loopback');
}

/** A new empty folder, removed when the test process ends. */
export function temporaryFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `vneid-gate-${name}-`));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
