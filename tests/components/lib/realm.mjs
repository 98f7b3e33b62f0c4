// A real OpenID provider on loopback, shaped like the portal's own realm (addresses and claims as Keycloak names them). It
// stands in for VNeID too: the person chooses how they prove who they are, and the tokens say so. Knows nothing of the gate.
import './older_node.mjs';
import http from 'node:http';
import { randomBytes, createHash } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';
import { Browser, form, lookup, readBody, request } from './http.mjs';
import { freePort } from './processes.mjs';

/** People of this realm. The numbers belong to nobody. */
export const people = {
  '001090000001': { name: 'Nguyễn Văn An', level: 2 },
  '001090000002': { name: 'Trần Thị Bình', level: 1 },
};

const PATH = '/realms/portal';
const API = 'urn:portal:api';
const OTHER_API = 'urn:statistics:api';
const SCOPE = 'openid profile';

async function signingKey(alg, kid) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid };
}

/**
 * Prepares the realm; `start()` opens its port and `stop()` closes it, as often as a test likes: issuer and keys stay.
 * @param clients  oidc-provider's client metadata; `x_alg`, `x_ttl_s` and `x_opaque` shape the access tokens of that client
 * @param host     the name in the issuer; other than an address only the tests themselves can resolve it
 */
export async function prepareRealm({ clients, host = '127.0.0.1' }) {
  const port = await freePort();
  const issuer = `http://${host}:${port}${PATH}`;
  let keys = [await signingKey('RS256', 'rs256-1'), await signingKey('ES256', 'es256-1')];
  const shape = Object.fromEntries(clients.map((client) => [client.client_id, client]));

  const configuration = () => ({
    jwks: { keys },
    clients: clients.map(({ x_alg, x_ttl_s, x_opaque, ...client }) => client),
    cookies: { keys: [randomBytes(16).toString('hex')] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], acr: null },
    acrValues: ['1', '2'],
    conformIdTokenClaims: false,
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'] },
    pkce: { required: () => true },
    issueRefreshToken: () => true,
    ttl: {
      AccessToken: (ctx, token) => token.resourceServer.accessTokenTTL,
      Session: 600, Grant: 600, Interaction: 600, AuthorizationCode: 60, IdToken: 300, RefreshToken: 600, ClientCredentials: 300,
    },
    routes: {
      authorization: '/protocol/openid-connect/auth',
      token: '/protocol/openid-connect/token',
      jwks: '/protocol/openid-connect/certs',
      introspection: '/protocol/openid-connect/token/introspect',
      revocation: '/protocol/openid-connect/revoke',
    },
    interactions: { url: (ctx, interaction) => `${PATH}/interaction/${interaction.uid}` },
    findAccount: (ctx, id) =>
      people[id] && { accountId: id, claims: async () => ({ sub: id, name: people[id].name, preferred_username: id }) },
    httpOptions: () => ({ dnsLookup: lookup }),
    features: {
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: (ctx, logoutForm) => { ctx.body = logoutForm; } },
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => API,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource, client) => ({
          scope: SCOPE,
          audience: resource === OTHER_API ? 'statistics' : 'account',
          accessTokenTTL: shape[client.clientId].x_ttl_s ?? 300,
          accessTokenFormat: shape[client.clientId].x_opaque ? 'opaque' : 'jwt',
          jwt: { sign: { alg: shape[client.clientId].x_alg ?? 'RS256' } },
        }),
      },
    },
    formats: { customizers: { jwt: keycloakShape } },
    extraTokenClaims: (ctx, token) => (shape[token.clientId].x_opaque ? personOf(ctx, token) : undefined),
  });

  let server;
  let provider;
  const realm = {
    issuer,
    origin: `http://${host}:${port}`,
    jwksUrl: `${issuer}/protocol/openid-connect/certs`,
    authorizationUrl: `${issuer}/protocol/openid-connect/auth`,
    tokenPath: `${PATH}/protocol/openid-connect/token`,
    introspectionUrl: `${issuer}/protocol/openid-connect/token/introspect`,
    keyRequests: 0,
    /** How each log-out ended that was posted to a client: `ok`, or what went wrong. */
    postedLogOuts: [],
    introspections: 0,
    start,
    stop: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
    /** Publishes new keys and signs with them; the old ones are gone. */
    async rotate(generation) {
      keys = [await signingKey('RS256', `rs256-${generation}`), await signingKey('ES256', `es256-${generation}`)];
      build();
    },
  };

  function build() {
    provider = new Provider(issuer, configuration());
    provider.on('backchannel.success', () => realm.postedLogOuts.push('ok'));
    provider.on('backchannel.error', (ctx, error) => realm.postedLogOuts.push(error.message));
    provider.on('server_error', (ctx, error) => console.error('realm:', error));
  }

  async function start() {
    if (!provider) build();
    server = http.createServer((incoming, response) => {
      answer(incoming, response).catch((error) => {
        response.statusCode = 500;
        response.end(String(error.stack));
      });
    });
    await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  }

  async function answer(incoming, response) {
    if (incoming.url.startsWith(`${PATH}/interaction/`)) return interact(incoming, response);
    if (!incoming.url.startsWith(`${PATH}/`)) return response.writeHead(404).end();
    incoming.originalUrl = incoming.url;
    incoming.url = incoming.url.slice(PATH.length);
    if (incoming.url.startsWith('/protocol/openid-connect/certs')) realm.keyRequests += 1;
    if (incoming.url.startsWith('/protocol/openid-connect/token/introspect')) realm.introspections += 1;
    return provider.callback()(incoming, response);
  }

  // The two pages that a person sees: who they are and how they prove it, then what the portal may know.
  async function interact(incoming, response) {
    const details = await provider.interactionDetails(incoming, response);
    if (incoming.method === 'GET') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      return response.end(`<!doctype html><html lang="vi"><title>${details.prompt.name}</title>
        <form method="post"><input name="person"><input name="proof"><button>Tiếp tục</button></form>`);
    }
    const fields = new URLSearchParams(await readBody(incoming));
    if (fields.get('cancel')) {
      return provider.interactionFinished(incoming, response, { error: 'access_denied', error_description: 'cancelled' });
    }
    if (details.prompt.name === 'login') {
      const proof = fields.get('proof');
      const login = { accountId: fields.get('person'), amr: [proof], acr: String(people[fields.get('person')].level) };
      return provider.interactionFinished(incoming, response, { login }, { mergeWithLastSubmission: false });
    }
    const grant = new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
    grant.addOIDCScope(SCOPE);
    for (const resource of [API, OTHER_API]) grant.addResourceScope(resource, SCOPE);
    const consent = { grantId: await grant.save() };
    return provider.interactionFinished(incoming, response, { consent }, { mergeWithLastSubmission: true });
  }

  return realm;
}

// An access token as the portal's realm writes it.
function keycloakShape(ctx, token, jwt) {
  jwt.header = { typ: 'JWT' };
  const { sid } = ctx.oidc.entities.AuthorizationCode ?? ctx.oidc.entities.RefreshToken ?? {};
  Object.assign(jwt.payload, { typ: 'Bearer', azp: token.clientId, sid }, personOf(ctx, token));
}

// Who stands behind a token: who logged in through VNeID carries the provider's name and the level.
function personOf(ctx, token) {
  if (!token.accountId) return { preferred_username: `service-account-${token.clientId}` };
  const born = ctx.oidc.entities.AuthorizationCode ?? ctx.oidc.entities.RefreshToken;
  const person = { preferred_username: token.accountId, realm_access: { roles: ['citizen'] } };
  return born.amr?.[0] === 'vneid' ? { ...person, identity_provider: 'vneid', vneid_level: Number(born.acr) } : person;
}

/** A PKCE pair (RFC 7636). */
export function pkce() {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** Where a client sends a person to log in. */
export function authorizationUrl(realm, { client, redirect, challenge, state, resource }) {
  const query = new URLSearchParams({
    client_id: client, redirect_uri: redirect, response_type: 'code', scope: SCOPE, state,
    code_challenge: challenge, code_challenge_method: 'S256', prompt: 'login consent', ...(resource ? { resource } : {}),
  });
  return `${realm.authorizationUrl}?${query}`;
}

/** The person fills in the provider's two pages and stops where the browser would return to `redirect`. */
export async function passLogIn(browser, url, { redirect, person, proof, cancel }) {
  const home = (next) => next.href.startsWith(redirect);
  let page = await browser.go(url, {}, home);
  const fields = cancel ? { cancel: '1' } : { person, proof };
  for (let pages = 0; pages < 3 && !page.next; pages += 1) {
    if (page.status !== 200) throw new Error(`the provider answered ${page.status}: ${page.body.slice(0, 800)}`);
    page = await browser.go(page.url, { method: 'POST', fields }, home);
  }
  if (!page.next) throw new Error('the log-in did not return to the portal');
  return page.next;
}

/** The token request of RFC 6749 as a public client sends it; the answer's JSON. */
export async function askForTokens(realm, fields) {
  const filled = form(fields);
  const answer = await request(realm.origin, realm.tokenPath, { method: 'POST', headers: filled.type, body: filled.body });
  if (answer.status !== 200) throw new Error(`the provider answered ${answer.status}: ${answer.body}`);
  return answer.json();
}

/** Takes a token back (RFC 7009) as a public client. */
export async function revoke(realm, client, token) {
  const filled = form({ token, client_id: client });
  const path = `${PATH}/protocol/openid-connect/revoke`;
  const answer = await request(realm.origin, path, { method: 'POST', headers: filled.type, body: filled.body });
  if (answer.status !== 200) throw new Error(`the provider answered ${answer.status}: ${answer.body}`);
}

/** A person logs out at the provider, which tells its clients; `idToken` says who. */
export async function logOut(browser, realm, idToken) {
  const page = await browser.once(`${realm.issuer}/session/end?id_token_hint=${idToken}`);
  const [, action, xsrf] = /action="([^"]+)".*name="xsrf" value="([^"]+)"/.exec(page.body) ?? [];
  if (!xsrf) throw new Error(`the provider answered ${page.status}: ${page.body}`);
  return browser.once(action, { method: 'POST', fields: { xsrf, logout: 'yes' } });
}

/** The whole authorization-code flow of a single-page application, as one person goes through it. */
export async function logIn(realm, { client, redirect, person, proof, resource, browser = new Browser() }) {
  const { verifier, challenge } = pkce();
  const state = randomBytes(8).toString('hex');
  const url = authorizationUrl(realm, { client, redirect, challenge, state, resource });
  const home = await passLogIn(browser, url, { redirect, person, proof });
  if (home.searchParams.get('state') !== state) throw new Error(`the state did not come back: ${home.href}`);
  return askForTokens(realm, {
    grant_type: 'authorization_code', client_id: client, redirect_uri: redirect,
    code: home.searchParams.get('code'), code_verifier: verifier, ...(resource ? { resource } : {}),
  });
}
