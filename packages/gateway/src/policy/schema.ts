/** Methods that a policy can speak of; any other is refused before a policy is asked. */
export const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type Method = (typeof METHODS)[number]

/**
 * What policies may mention. `Action::"read"` and `Action::"write"` stand for the methods in them.
 * The path of a `Route` is the canonical path of the request that is being decided.
 */
export const POLICY_SCHEMA = `
entity Group;

entity User in [Group] = {
  "kind": String,
  "issuer": String,
  "groups": Set<String>,
  "roles": Set<String>,
};

entity Route = {
  "upstream": String,
  "host": String,
  "path": String,
};

type Context = {
  "time": datetime,
  "address": ipaddr,
  "tls": Bool,
  "credential": String,
};

action "read", "write";

action "GET", "HEAD", "OPTIONS" in ["read"] appliesTo {
  principal: [User],
  resource: [Route],
  context: Context,
};

action "POST", "PUT", "PATCH", "DELETE" in ["write"] appliesTo {
  principal: [User],
  resource: [Route],
  context: Context,
};
`
