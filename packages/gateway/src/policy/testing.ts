// Cedar's own engine, for the tests that hold our compiler against it.
export {
  type AuthorizationAnswer,
  type CedarValueJson,
  type EntityJson,
  isAuthorized,
  policyToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs'
