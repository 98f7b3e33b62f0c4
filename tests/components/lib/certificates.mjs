// Certificates for loopback, made by openssl: an authority with a folder of its own, and what it vouches for. Knows nothing of
// who shows them to whom.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './processes.mjs';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority; `file` is its own certificate, `certify(name)` makes the files of one for this name and its key. */
export async function authorityIn(folder, name = 'test authority') {
  const openssl = (...args) => run('openssl', args, { cwd: folder });
  await openssl('req', '-x509', ...KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', `/CN=${name}`);
  return {
    file: join(folder, 'ca.pem'),
    certify: async (host) => {
      await openssl('req', ...KEY, '-keyout', `${host}.key`, '-out', `${host}.csr`, '-subj', `/CN=${host}`);
      writeFileSync(join(folder, 'names'), `subjectAltName = DNS:${host}\n`);
      const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
      await openssl('x509', '-req', '-in', `${host}.csr`, ...by, '-days', '2', '-out', `${host}.pem`);
      return { certificate: join(folder, `${host}.pem`), key: join(folder, `${host}.key`) };
    },
  };
}
