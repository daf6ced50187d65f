export { API_KEY_PATTERN } from './api-key.ts'
export { apiKeys } from './api-keys.ts'
export {
  type Authenticator,
  type BodyDigest,
  bearerChallenge,
  type Carrier,
  type CredentialRefusal,
  type Identification,
  insufficientScope,
  type Known,
  type Refused,
  refused,
} from './authenticator.ts'
export { type AuthenticatorChain, Authenticators } from './authenticators.ts'
export { type CreatedKey, createKey, createKeyInFile, type KeyFacts } from './create-key.ts'
export { type IdentityConfig, identityConfigSchema } from './identity-config.ts'
export type { IdentityErrorCode } from './identity-error.ts'
export {
  KeyStore,
  type KeyStoreOptions,
  type KeysReport,
  type KeysSource,
} from './key-store.ts'
export {
  KEYS_FILE_BYTES_MAX,
  type KeyRing,
  type KnownKey,
  parseKeysFile,
} from './keys-file.ts'
export { type Authorization, type ClientCertificate, Presented } from './presented.ts'
export {
  ANONYMOUS,
  type Claims,
  type Credential,
  type CredentialMethod,
  type Principal,
} from './principal.ts'
