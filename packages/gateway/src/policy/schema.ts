/** Methods that a policy can speak of; any other is refused before a policy is asked. */
export const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type Method = (typeof METHODS)[number]

/** The methods that `Action::"read"` stands for; the others are `Action::"write"`. */
export const READ_METHODS: readonly Method[] = ['GET', 'HEAD', 'OPTIONS']

/** What policies may mention, as `policy schema` prints it. Part of the digest of every set. */
export const POLICY_SCHEMA = `// What the policies of Countersign may mention.
// Whatever a policy sees of a request is in the record of the request.

entity Group;
entity Role;

// Who asks. Anonymous::"anonymous" shows no credential, where the route lets them.
// The tags of a principal are the claims that the configuration maps:
// principal.hasTag("department") && principal.getTag("department").contains("sales")
entity User, Service, Anonymous in [Group, Role] = {
  "kind": String,          // "user", "service" or "anonymous", as the type of the entity says
  "issuer": String,        // who vouches for the identity: two issuers may use one name
  "groups": Set<String>,   // the same groups and roles that the principal is in
  "roles": Set<String>,
} tags Set<String>;

entity Upstream;

// The tags of a route are the parameters of its path: of /orders/{id}, resource.getTag("id").
entity Route in [Upstream] = {
  "upstream": String,
  "host": String,          // lower case, without a port
  "path": String,          // canonical, as it is decided on, recorded and forwarded
} tags String;

// The tags of context.headers are the request headers that the route names, in lower case:
// context.headers.hasTag("x-tenant") && context.headers.getTag("x-tenant") == ["acme"]
entity Headers tags Set<String>;

type Tls = {
  "version": String,
  "cipher": String,
  "serverName"?: String,
  "alpn"?: String,
  "clientCertificateSha256"?: String,
};

type Context = {
  "time": datetime,
  "address": ipaddr,
  "tls": Bool,
  "connection"?: Tls,      // where tls is true
  "operation"?: String,    // as the route's configuration names this method and path
  "credential": String,    // the method: "api-key", "jwt", …, or "none"
  "scopes": Set<String>,
  "mfaAge"?: duration,     // since the last authentication with more than one factor
  "headers": Headers,
  "grants": Set<String>,   // templates of approvals that are in force for this request
  "breakGlass": Bool,      // the principal has opened the emergency access, and it is recorded
};

action "read", "write";

action "GET", "HEAD", "OPTIONS" in ["read"] appliesTo {
  principal: [User, Service, Anonymous],
  resource: [Route],
  context: Context,
};

action "POST", "PUT", "PATCH", "DELETE" in ["write"] appliesTo {
  principal: [User, Service, Anonymous],
  resource: [Route],
  context: Context,
};
`
