// Tokens of an issuer that has no server: keys made on the spot, published as a key set file in the policy directory. Knows
// nothing of the gate but the shape of the portal's tokens.
import './older_node.mjs';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';

export const ISSUER = 'https://sso.portal.test/auth/realms/portal';

/** @returns {Promise<{jwks: string, vneid, password, expired}>} each of the last three mints a token for a subject */
export async function prepareIssuer() {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: 'es256-1' };
  const mint = (subject, claims, { from = 0, to = 3600 } = {}) => {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ typ: 'Bearer', azp: 'web-portal', preferred_username: subject, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: jwk.kid })
      .setIssuer(ISSUER).setSubject(subject).setAudience('account')
      .setIssuedAt(now + from).setExpirationTime(now + to)
      .sign(privateKey);
  };
  const vneid = { identity_provider: 'vneid', vneid_level: 2 };
  return {
    jwks: JSON.stringify({ keys: [jwk] }),
    vneid: (subject) => mint(subject, vneid),
    password: (subject) => mint(subject, {}),
    expired: (subject) => mint(subject, vneid, { from: -7200, to: -3600 }),
  };
}

/** The policy that goes with these tokens, in front of one back end. */
export const tokenPolicy = (issuer, address) => ({
  'jwks.json': issuer.jwks,
  'policy.toml': `
[[upstream]]
name    = "portal"
servers = ["${address}"]

[[site]]
name      = "portal"
hosts     = ["portal.test"]
upstream  = "portal"
login_url = "/dang-nhap"

[[route]]
name  = "public"
site  = "portal"
paths = ["/", "/tra-cuu-ho-so/**"]
[[route]]
name  = "login"
site  = "portal"
paths = ["/dang-nhap"]
[[route]]
name  = "filing"
site  = "portal"
paths = ["/nop-ho-so/**"]

[[credential]]
name = "sso-token"
from = [{ header = "authorization" }]
[credential.jwt]
issuer     = "${ISSUER}"
audience   = ["account"]
parties    = ["web-portal"]
algorithms = ["ES256"]
jwks_file  = "jwks.json"
subject    = "/preferred_username"
[[credential.principal]]
equals = { "/identity_provider" = "vneid" }
is     = { account = "citizen", login = "vneid", level_from = "/vneid_level" }
[[credential.principal]]
absent  = ["/identity_provider"]
matches = { "/preferred_username" = '^\\d{12}$' }
is      = { account = "citizen", login = "password" }

[[rule]]
name = "citizen-uses-vneid"
when = { account = ["citizen", "unknown"], login = "password" }
except_routes = ["login"]
then = "reject"
page = "use-vneid"
[[rule]]
name = "citizen-vneid"
when = { account = "citizen", login = "vneid", level_min = 2 }
then = "forward"
[[rule]]
name   = "public-pages"
routes = ["public", "login"]
when   = { evidence = ["none", "expired", "unbound", "valid"] }
then   = "forward"
[[rule]]
name   = "public-without-identity"
routes = ["public", "login"]
when   = { evidence = ["invalid", "revoked", "unavailable"] }
then   = "anonymous"
[default]
then = "login"
`,
});
