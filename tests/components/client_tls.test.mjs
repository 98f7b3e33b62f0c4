// The real OpenID provider behind nginx, which speaks to nobody without a certificate: does the gate show the right one in both
// versions of TLS, keep its connection, and stay shut with any other?
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { authorityIn } from './lib/certificates.mjs';
import { accepts, startGate } from './lib/gate.mjs';
import { request } from './lib/http.mjs';
import { startOrigin } from './lib/origin.mjs';
import { citizenRules, everyoneRules, portalAt } from './lib/policy.mjs';
import { freePort, start, temporaryFolder, waitFor } from './lib/processes.mjs';
import { logIn, prepareRealm } from './lib/realm.mjs';

const CITIZEN = '001090000001';
const REDIRECT = 'http://portal.test/xac-thuc';
const SECRET = 'synthetic secret of the gate, 0123456789';
const person = {
  redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};
const clients = [
  { client_id: 'web-opaque', x_opaque: true, ...person },
  { client_id: 'web-signed', ...person },
  { client_id: 'gate', client_secret: SECRET, redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
];

let realm, origin, servers, gates, strangers;
before(async () => {
  realm = await prepareRealm({ clients });
  await realm.start();
  origin = await startOrigin();
  servers = await authorityIn(temporaryFolder('servers'), 'who vouches for servers');
  gates = await authorityIn(temporaryFolder('gates'), 'who vouches for gates');
  strangers = await authorityIn(temporaryFolder('strangers'), 'a stranger');
});
after(async () => {
  await origin?.stop();
  await realm?.stop();
});
beforeEach(() => origin.take());

/** nginx in front of the realm; `connections()` are the numbers of those on which it was asked about a token. */
async function startNginx({ protocol, more = '' }) {
  const [folder, port] = [temporaryFolder('nginx'), await freePort()];
  const { certificate, key } = await servers.certify('localhost');
  writeFileSync(join(folder, 'nginx.conf'), `
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 64; }
http {
  log_format asked '$connection $uri $status';
  access_log ${folder}/access.log asked;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_protocols ${protocol};
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    ssl_client_certificate ${gates.file};
    ssl_verify_client on;
    ${more}
    location / { proxy_pass ${realm.origin}; }
  }
}
`);
  const program = start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { env: { PATH: `${process.env.PATH}:/usr/sbin` } });
  await waitFor('nginx listens', () => accepts(port), { program });
  return {
    at: (url) => url.replace(realm.origin, `https://localhost:${port}`),
    connections: () => {
      const asked = readFileSync(join(folder, 'access.log'), 'utf8').split('\n').filter((line) => line.includes('/introspect '));
      return asked.map((line) => line.split(' ')[0]);
    },
    stop: () => program.stop({ signal: 'SIGQUIT' }),
  };
}

const credentials = (nginx, shown) => `
[[credential]]
name = "opaque"
from = [{ header = "authorization" }]
[credential.introspection]
endpoint = "${nginx.at(realm.introspectionUrl)}"
client   = { id = "gate", secret_file = "client.secret" }
parties  = ["web-opaque"]
subject  = "/preferred_username"
ca_file  = "${servers.file}"
${shown}
[[credential.principal]]
equals = { "/identity_provider" = "vneid" }
is     = { account = "citizen", login = "vneid", level_from = "/vneid_level" }
[[credential]]
name = "signed"
from = [{ header = "authorization" }]
[credential.jwt]
issuer     = "${realm.issuer}"
audience   = ["account"]
parties    = ["web-signed"]
algorithms = ["RS256"]
jwks_url   = "${nginx.at(realm.jwksUrl)}"
subject    = "/preferred_username"
ca_file    = "${servers.file}"
${shown}
[[credential.principal]]
equals = { "/identity_provider" = "vneid" }
is     = { account = "citizen", login = "vneid", level_from = "/vneid_level" }
`;
const showing = ({ certificate, key }) => `client_tls = { certificate = "${certificate}", key = "${key}" }`;

/** A gate in front of the portal that asks behind this nginx, ready or not. */
async function withGate(how, shown, body, ready = true) {
  const nginx = await startNginx(how);
  let gate;
  try {
    const policy = portalAt(origin.address) + credentials(nginx, shown) + citizenRules + everyoneRules;
    gate = await startGate({ 'client.secret': SECRET, 'policy.toml': policy }, { ready });
    await body(gate, nginx);
  } finally {
    await gate?.stop();
    await nginx.stop();
  }
}

const tokenOf = async (client) => (await logIn(realm, { client, redirect: REDIRECT, person: CITIZEN, proof: 'vneid' })).access_token;
const ask = (gate, token) =>
  request(gate.url, '/nop-ho-so/1', { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } });

for (const protocol of ['TLSv1.2', 'TLSv1.3']) {
  test(`with its certificate the gate learns about tokens and fetches keys over ${protocol}`, async () => {
    await withGate({ protocol }, showing(await gates.certify('gate')), async (gate, nginx) => {
      const tokens = [await tokenOf('web-opaque'), await tokenOf('web-opaque'), await tokenOf('web-opaque')];
      for (const token of [...tokens, await tokenOf('web-signed')]) {
        const answer = await ask(gate, token);
        assert.equal(answer.status, 200, answer.body + gate.program.output);
      }
      assert.equal(nginx.connections().length, tokens.length);
      assert.equal(new Set(nginx.connections()).size, 1, 'one connection for all of them');
    });
  });

  for (const [what, shown] of [['without a certificate', async () => ''], ['with one of a stranger', async () => showing(await strangers.certify('gate'))]]) {
    test(`${what} nothing is known of any token over ${protocol}, and the log says what nginx answered`, async () => {
      await withGate({ protocol }, await shown(), async (gate, nginx) => {
        for (const client of ['web-opaque', 'web-signed']) {
          const answer = await ask(gate, await tokenOf(client));
          assert.equal(answer.status, 503, answer.body);
          assert.equal(answer.json().reason, 'identity-unavailable');
        }
        assert.match(gate.program.output, /credential `opaque`: no answer about a token: answered with status 400/);
        assert.match(gate.program.output, /credential `signed`: key set not fetched: answered with status 400/);
        assert.match((await gate.readiness()).body, /`signed` has no key set yet/);
        assert.deepEqual(origin.requests, []);
      }, false);
    });
  }
}

test('a server that ends its connections after two questions is asked over the next one', async () => {
  await withGate({ protocol: 'TLSv1.3', more: 'keepalive_requests 2;' }, showing(await gates.certify('gate')), async (gate, nginx) => {
    for (let asked = 0; asked < 5; asked += 1) {
      const answer = await ask(gate, await tokenOf('web-opaque'));
      assert.equal(answer.status, 200, answer.body + gate.program.output);
    }
    assert.equal(nginx.connections().length, 5, 'each was asked about once');
    assert.equal(new Set(nginx.connections()).size, 3);
  });
});
