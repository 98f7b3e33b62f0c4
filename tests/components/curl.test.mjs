// curl, as scripts and other authorities' systems use it: does every way of speaking HTTP get the same decisions?
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { startGate } from './lib/gate.mjs';
import { startOrigin } from './lib/origin.mjs';
import { freePort, run, temporaryFolder } from './lib/processes.mjs';
import { prepareIssuer, tokenPolicy } from './lib/tokens.mjs';

const CITIZEN = '001090000001';
let folder, origin, gate, issuer, tlsPort;

before(async () => {
  folder = temporaryFolder('curl');
  await run('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=portal.test',
    '-addext', 'subjectAltName=DNS:portal.test', '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem'),
  ]);
  issuer = await prepareIssuer();
  origin = await startOrigin();
  tlsPort = await freePort();
  gate = await startGate({
    ...tokenPolicy(issuer, origin.address),
    'tls/portal.pem': readFileSync(join(folder, 'certificate.pem')),
    'tls/portal.key': readFileSync(join(folder, 'key.pem')),
  }, { listeners: `
[[listener]]
address = "127.0.0.1:${tlsPort}"
tls     = { certificate = "tls/portal.pem", key = "tls/portal.key" }
` });
});
after(async () => {
  await gate?.stop();
  await origin?.stop();
});
beforeEach(() => origin.take());

const ways = {
  'plain HTTP/1.1': { http: '1.1', base: () => gate.url, args: [] },
  'HTTP/1.1 over TLS': { http: '1.1', base: () => `https://portal.test:${tlsPort}`, args: ['--http1.1'] },
  'HTTP/2 over TLS': { http: '2', base: () => `https://portal.test:${tlsPort}`, args: ['--http2'] },
};

/** One request by curl: `{ status, http, type, headers }` and the body. */
async function curl(way, path, token, more = []) {
  const base = way.base();
  const { port } = new URL(base);
  const body = join(folder, 'body');
  const said = await run('curl', [
    '--silent', '--show-error', '--path-as-is', '--max-time', '20', '--noproxy', '*', '--cacert', join(folder, 'certificate.pem'),
    '--resolve', `portal.test:${port}:127.0.0.1`, '--output', body, '--write-out', '%{json}', '--header', 'Accept: application/json',
    ...(token ? ['--header', `Authorization: Bearer ${token}`] : []), ...way.args, ...more, base + path,
  ]);
  const facts = JSON.parse(said);
  return { status: facts.http_code, http: facts.http_version, type: facts.content_type, body: readFileSync(body, 'utf8') };
}

for (const [name, way] of Object.entries(ways)) {
  test(`mixed requests over ${name} get the right answers`, async () => {
    const [vneid, password, expired] = [await issuer.vneid(CITIZEN), await issuer.password(CITIZEN), await issuer.expired(CITIZEN)];
    const cases = [
      ['/nop-ho-so/1', vneid, 200], ['/nop-ho-so/1?ten=Nguy%E1%BB%85n', vneid, 200], ['/tra-cuu-ho-so/1', vneid, 200],
      ['/nop-ho-so/1', password, 403], ['/tra-cuu-ho-so/1', password, 403],
      ['/nop-ho-so/1', expired, 401], ['/tra-cuu-ho-so/1', expired, 200],
      ['/nop-ho-so/1', 'junk', 401], ['/tra-cuu-ho-so/1', 'junk', 200],
      ['/nop-ho-so/1', undefined, 401], ['/', undefined, 200],
      ['/nop-ho-so/../nop-ho-so/1', vneid, 400], ['/tra-cuu-ho-so/%2e%2e/nop-ho-so', vneid, 400], ['//nop-ho-so/1', vneid, 400],
      ['/khong-khai-bao', vneid, 200], ['/khong-khai-bao', undefined, 401],
    ];
    for (const [path, token, status] of cases) {
      const answer = await curl(way, path, token);
      const which = `${path} with ${token === undefined ? 'nothing' : { [vneid]: 'VNeID', [password]: 'a password token', [expired]: 'an expired token' }[token] ?? token}`;
      assert.equal(answer.status, status, `${which}: ${answer.body}`);
      assert.equal(answer.http, way.http);
      const seen = origin.take();
      assert.equal(seen.length, status === 200 ? 1 : 0, `${which}: ${seen.length} requests at the origin`);
      if (status === 200) assert.equal(seen[0].url, path, 'the target changed on the way');
      else assert.match(answer.type, /^application\/problem\+json\b/, which);
    }
  });

  test(`an upload over ${name} arrives whole from a VNeID citizen and not at all from a password session`, async () => {
    const upload = join(folder, 'upload');
    const content = 'Hồ sơ số 1\n'.repeat(150_000);
    writeFileSync(upload, content);
    const sends = ['--data-binary', `@${upload}`, '--header', 'Content-Type: application/octet-stream'];
    assert.equal((await curl(way, '/nop-ho-so/1', await issuer.vneid(CITIZEN), sends)).status, 200);
    const [seen] = origin.take();
    assert.equal(seen.body.length, content.length);
    assert.ok(seen.body === content, 'the upload changed on the way');
    assert.equal((await curl(way, '/nop-ho-so/1', await issuer.password(CITIZEN), sends)).status, 403);
    assert.deepEqual(origin.take(), []);
  });
}
