export { API_KEY_PATTERN } from './api-key.ts'
export { authenticate, type CredentialRefusal, type Identification } from './authenticate.ts'
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
export type { Credential, Principal } from './principal.ts'
