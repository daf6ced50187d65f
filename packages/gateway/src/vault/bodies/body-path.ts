/** Where bodies lie, below the data directory. */
export const BODIES_FOLDER = 'bodies'
/** Below it: durable, and no record that names them is known to be. */
export const INCOMING_FOLDER = 'incoming'

const DIGEST = /^[0-9a-f]{64}$/
const FAN_OUT_DIGITS = 2
const INCOMING = /^([0-9]{16})-([0-9a-f]{64})$/
const FOLDER = /^(?:[0-9a-f]{2}|incoming)$/

/** The path of a body below the data directory. */
export function bodyPath(sha256: string): string {
  return `${BODIES_FOLDER}/${sha256.slice(0, FAN_OUT_DIGITS)}/${sha256}`
}

/** What a body is called until its record is durable; by the incarnation that it waits in. */
export function incomingName(incarnation: number, sha256: string): string {
  return `${String(incarnation).padStart(16, '0')}-${sha256}`
}

export function parseIncomingName(
  name: string,
): { readonly incarnation: number; readonly sha256: string } | undefined {
  const [, digits, sha256] = INCOMING.exec(name) ?? []
  if (digits === undefined || sha256 === undefined) return undefined
  return { incarnation: Number(digits), sha256 }
}

/** Whether a path below `bodies` is one that bodies lie under; temporary names aside. */
export function isBodyFolder(path: string): boolean {
  return FOLDER.test(path)
}

/** The digest that a file below `bodies` is named by; undefined for what has no business there. */
export function parseBodyPath(path: string): string | undefined {
  const [folder = '', name = '', ...more] = path.split('/')
  if (more.length > 0) return undefined
  if (folder === INCOMING_FOLDER) return parseIncomingName(name)?.sha256
  return DIGEST.test(name) && name.startsWith(folder) && folder.length === FAN_OUT_DIGITS
    ? name
    : undefined
}
