// A Redis server of Debian's as a test starts it: on a free loopback port, writing every change to its disk, so that it can be
// killed and started again. `STORE_SERVER=/path/to/valkey-server` runs the same tests with another one. Knows nothing of the gate.
import { join } from 'node:path';
import { authorityIn } from './certificates.mjs';
import { freePort, run, start, temporaryFolder, waitFor } from './processes.mjs';

const server = process.env.STORE_SERVER ?? 'redis-server';

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
    const authority = await authorityIn(folder);
    const { certificate, key } = await authority.certify('localhost');
    args.push('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', authority.file);
    args.push('--tls-cert-file', certificate, '--tls-key-file', key);
  } else {
    args.push('--port', String(port));
  }
  const redis = {
    port,
    authority: join(folder, 'ca.pem'),
    program: undefined,
    start: async () => {
      redis.program = start(server, args);
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
