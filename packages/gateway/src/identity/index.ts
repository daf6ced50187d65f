export { API_KEY_PATTERN } from './api-key.ts'
export { authenticate, type CredentialRefusal, type Identification } from './authenticate.ts'
export { type CreatedKey, createKey, createKeyInFile, type KeyFacts } from './create-key.ts'
export { type IdentityConfig, identityConfigSchema } from './identity-config.ts'
export { IdentityError, type IdentityErrorCode } from './identity-error.ts'
export {
  KEYS_POLL_EVERY_MS,
  KeyStore,
  type KeyStoreOptions,
  type KeysReport,
  type KeysSource,
} from './key-store.ts'
export {
  KEYS_FILE_BYTES_MAX,
  type KeyRing,
  type KnownKey,
  keysFileSchema,
  parseKeysFile,
} from './keys-file.ts'
export { ANONYMOUS, type Credential, type Principal } from './principal.ts'
