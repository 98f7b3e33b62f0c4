// Tokens that say nothing by themselves, and the real OpenID provider that issued them: does the gate learn who stands behind
// one, forget it when it is taken back, and stay shut while the provider is away?
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { request } from './lib/http.mjs';
import { startGate } from './lib/gate.mjs';
import { startOrigin } from './lib/origin.mjs';
import { citizenRules, everyoneRules, portalAt } from './lib/policy.mjs';
import { waitFor } from './lib/processes.mjs';
import { logIn, prepareRealm, revoke } from './lib/realm.mjs';

const CITIZEN = '001090000001';
const REDIRECT = 'http://portal.test/xac-thuc';
const SECRET = 'synthetic secret: +/% of the gate, 0123456789';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const publicJwk = { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid: 'gate-1', use: 'sig', alg: 'ES256' };
const machine = { redirect_uris: [], grant_types: ['client_credentials'], response_types: [] };
const clients = [
  {
    client_id: 'web-portal', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', x_opaque: true,
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  },
  { client_id: 'gate', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic', ...machine },
  {
    client_id: 'gate-key', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [publicJwk] }, ...machine,
  },
];

const credential = (realm, client) => `
[[credential]]
name = "api-token"
from = [{ header = "authorization" }]
[credential.introspection]
endpoint = "${realm.introspectionUrl}"
client   = ${client}
issuer   = "${realm.issuer}"
audience = ["account"]
parties  = ["web-portal"]
subject  = "/preferred_username"
cache    = "1s"
[[credential.principal]]
equals = { "/identity_provider" = "vneid" }
is     = { account = "citizen", login = "vneid", level_from = "/vneid_level" }
[[credential.principal]]
absent  = ["/identity_provider"]
matches = { "/preferred_username" = '^\\d{12}$' }
is      = { account = "citizen", login = "password" }
`;
const withSecret = '{ id = "gate", secret_file = "client.secret" }';
const withKey = '{ id = "gate-key", key_file = "client.pem", key_id = "gate-1" }';

let realm, origin;
const start = (client) => startGate({
  'client.secret': SECRET,
  'client.pem': privateKey,
  'policy.toml': portalAt(origin.address) + credential(realm, client) + citizenRules + everyoneRules,
});
before(async () => {
  realm = await prepareRealm({ clients });
  await realm.start();
  origin = await startOrigin();
});
after(async () => {
  await origin?.stop();
  await realm?.stop();
});
beforeEach(() => origin.take());

const tokensOf = (proof) => logIn(realm, { client: 'web-portal', redirect: REDIRECT, person: CITIZEN, proof });
const ask = (gate, token) =>
  request(gate.url, '/nop-ho-so/1', { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } });
const result = async (gate, word) =>
  (await gate.metrics()).sum('vneid_gate_credential_checks_total', { credential: 'api-token', result: word });

for (const [how, client] of [['a secret', withSecret], ['a key', withKey]]) {
  test(`as a client with ${how} the gate learns who stands behind an opaque token`, async () => {
    const gate = await start(client);
    try {
      const { access_token: token } = await tokensOf('vneid');
      assert.equal(token.split('.').length, 1, 'the token is no JWT');
      const answer = await ask(gate, token);
      assert.equal(answer.status, 200, answer.body + gate.program.output);
      const [seen] = origin.take();
      assert.equal(seen.headers['x-gate-account'], 'citizen');
      assert.equal(seen.headers['x-gate-login'], 'vneid');
      assert.equal(seen.headers['x-gate-level'], '2');
      assert.equal(seen.headers['x-gate-subject'], CITIZEN);

      const password = await tokensOf('password');
      const refused = await ask(gate, password.access_token);
      assert.equal(refused.status, 403);
      assert.equal(refused.json().reason, 'password-session');
      assert.deepEqual(origin.requests, []);
    } finally {
      await gate.stop();
    }
  });
}

test('a token that its owner takes back opens nothing once the answer is over', async () => {
  const gate = await start(withSecret);
  try {
    const { access_token: token } = await tokensOf('vneid');
    assert.equal((await ask(gate, token)).status, 200);
    await revoke(realm, 'web-portal', token);
    await waitFor('the token is refused', async () => (await ask(gate, token)).status === 401, { within: 10_000 });
    await waitFor('it is counted', async () => (await result(gate, 'inactive')) >= 1, { within: 10_000 });
    assert.equal((await ask(gate, 'made-up-token')).json().reason, 'credential-invalid');
  } finally {
    await gate.stop();
  }
});

test('a refresh token is no access token, though the provider calls it active', async () => {
  const gate = await start(withSecret);
  try {
    const { refresh_token: token } = await tokensOf('vneid');
    assert.equal((await ask(gate, token)).json().reason, 'credential-invalid');
    await waitFor('it is counted', async () => (await result(gate, 'malformed')) >= 1, { within: 10_000 });
    assert.deepEqual(origin.requests, []);
  } finally {
    await gate.stop();
  }
});

test('while the provider is away nothing is known, and afterwards it is again', async () => {
  const gate = await start(withSecret);
  try {
    const { access_token: token } = await tokensOf('vneid');
    await realm.stop();
    const answer = await ask(gate, token);
    assert.equal(answer.status, 503);
    assert.equal(answer.json().reason, 'identity-unavailable');
    assert.deepEqual(origin.requests, []);
    await realm.start();
    await waitFor('the provider is asked again', async () => (await ask(gate, token)).status === 200, { within: 10_000 });
  } finally {
    await gate.stop();
  }
});
