export type VaultErrorCode =
  /** The key-encryption key is not 64 hexadecimal digits. */
  | 'VAULT_KEK_MALFORMED'
  /** The key-encryption key is not the one that this directory was made with. */
  | 'VAULT_KEK_WRONG'
  /** There are keys but no check value: something removed it. */
  | 'VAULT_KEK_CHECK_MISSING'
  /** No row holds this key: erased, expired, or not supplied. Undecidable by itself. */
  | 'VAULT_KEY_MISSING'
  /** A key row does not authenticate. */
  | 'VAULT_KEY_DAMAGED'
  /** A pack or frame is not what was sealed under its key: tampered with or damaged. */
  | 'VAULT_NOT_AUTHENTIC'
  /** A file, pack or row has no sense in it. */
  | 'VAULT_MALFORMED'
  /** A file that must be there is not. */
  | 'VAULT_FILE_MISSING'
  /** No pack of its block speaks of this entry. */
  | 'VAULT_ENTRY_MISSING'
  /** More sections, rows or bytes than a payload may hold. */
  | 'VAULT_PAYLOAD_LIMIT'
  /** The packer was given entries out of order, or settles what it was never given. */
  | 'VAULT_ORDER'

/** Where in the files a fault lies. */
export interface VaultPlace {
  readonly file?: string
  /** Position of the pack in its file, from 0. */
  readonly pack?: number
  /** Key id, hexadecimal. */
  readonly keyId?: string
}

/** What went wrong in the vault, and where. */
export class VaultError extends Error {
  readonly code: VaultErrorCode
  readonly place: VaultPlace

  constructor(
    code: VaultErrorCode,
    message: string,
    options: { readonly place?: VaultPlace; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'VaultError'
    this.code = code
    this.place = options.place ?? {}
  }
}

/** A fault of the files is an answer here: other sections may still be read. */
export async function asFault<Value>(run: () => Promise<Value>): Promise<Value | VaultError> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof VaultError) return error
    throw error
  }
}
