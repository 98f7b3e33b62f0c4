// A Redis server of Debian's as a test starts it: on a free loopback port, writing every change to its disk, so that it can be
// killed and started again. Knows nothing of the gate.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, run, start, temporaryFolder, waitFor } from './processes.mjs';

/**
 * Starts it; `password` asks for one, `tls` makes it speak TLS only, with a certificate for `localhost` by an authority of its
 * own (`authority` names the file).
 */
export async function startRedis({ password, tls = false } = {}) {
  const folder = temporaryFolder('redis');
  const port = await freePort();
  const args = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
  if (password) args.push('--requirepass', password);
  if (tls) {
    await certify(folder);
    args.push('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', join(folder, 'ca.pem'));
    args.push('--tls-cert-file', join(folder, 'server.pem'), '--tls-key-file', join(folder, 'server.key'));
  } else {
    args.push('--port', String(port));
  }
  const redis = {
    port,
    authority: join(folder, 'ca.pem'),
    program: undefined,
    start: async () => {
      redis.program = start('redis-server', args);
      await waitFor('Redis serves', () => redis.program.output.includes('Ready to accept connections'), { program: redis.program });
    },
    kill: () => redis.program.stop({ signal: 'SIGKILL' }),
    pause: () => process.kill(redis.program.pid, 'SIGSTOP'),
    resume: () => process.kill(redis.program.pid, 'SIGCONT'),
    /** Asks it, as an operator would. */
    ask: (...words) => run('redis-cli', ['-p', String(port), ...words]),
    /** Everything that was ever written to it. */
    written: () => run('cat', [join(folder, 'appendonlydir', 'appendonly.aof.1.incr.aof')]),
  };
  await redis.start();
  return redis;
}

/** An authority, and a certificate by it for `localhost`. */
async function certify(folder) {
  const openssl = (...args) => run('openssl', args, { cwd: folder });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority');
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  writeFileSync(join(folder, 'names'), 'subjectAltName = DNS:localhost\n');
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
  await openssl('x509', '-req', '-in', 'server.csr', ...by, '-days', '2', '-out', 'server.pem');
  if (!readFileSync(join(folder, 'server.pem'), 'utf8').includes('CERTIFICATE')) throw new Error('no certificate was made');
}
