// The portal's policy in pieces: each test file puts together the ones that it needs and adds what is its own. Knows nothing
// of single tests.

/** Where the portal is and what it serves; the log-in is `/dang-nhap`. */
export const portalAt = (address) => `
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
paths = ["/dang-nhap", "/dang-nhap/**"]
[[route]]
name  = "logout"
site  = "portal"
paths = ["/dang-xuat"]
[[route]]
name    = "filing"
site    = "portal"
paths   = ["/nop-ho-so", "/nop-ho-so/**"]
methods = ["GET", "POST"]
`;

/** The realm's tokens; `keys` is the line that says where their keys are. */
export const tokens = ({ issuer, parties, keys }) => `
[[credential]]
name = "sso-token"
from = [{ header = "authorization" }, { cookie = "access_token" }]
[credential.jwt]
issuer     = "${issuer}"
audience   = ["account"]
parties    = ${JSON.stringify(parties)}
algorithms = ["RS256", "ES256"]
${keys}
leeway     = "1s"
subject    = "/preferred_username"
[[credential.principal]]
equals = { "/identity_provider" = "vneid" }
is     = { account = "citizen", login = "vneid", level_from = "/vneid_level" }
[[credential.principal]]
equals = { "/azp" = "public-pages" }
is     = { account = "service", login = "client-credentials" }
[[credential.principal]]
absent  = ["/identity_provider"]
matches = { "/preferred_username" = '^\\d{12}$' }
is      = { account = "citizen", login = "password" }
`;

/** Citizens come in with VNeID level 2 only. */
export const citizenRules = `
[[rule]]
name = "citizen-uses-vneid"
when = { account = ["citizen", "unknown"], login = "password" }
except_routes = ["login", "logout"]
then = "reject"
page = "use-vneid"
[[rule]]
name = "citizen-vneid"
when = { account = "citizen", login = "vneid", level_min = 2 }
then = "forward"
[[rule]]
name = "citizen-vneid-below-level-2"
when = { account = "citizen", login = "vneid" }
except_routes = ["public", "login", "logout"]
then = "reject"
page = "raise-level"
`;

/** Everyone reads public pages; everything else wants a log-in. */
export const everyoneRules = `
[[rule]]
name   = "public-pages"
routes = ["public", "login", "logout"]
when   = { evidence = ["none", "expired", "unbound", "valid"] }
then   = "forward"
[[rule]]
name   = "public-without-identity"
routes = ["public", "login", "logout"]
when   = { evidence = ["invalid", "revoked", "unavailable"] }
then   = "anonymous"
[default]
then = "login"
`;
