/** The two files of a block: traffic, and what explains it and never expires with it. */
export const FAMILIES = ['records', 'acts'] as const
export type Family = (typeof FAMILIES)[number]

/** Entries of one block; the width of a full tile. */
export const BLOCK_ENTRIES = 256

/** What a file under `records/`, `acts/` or `persons/` is; its path is relative to the epoch. */
export type BlockFile =
  | { readonly family: Family; readonly block: number; readonly width: number }
  | { readonly family: 'persons'; readonly first: number }

const PERSONS_DIGITS = 16
const GROUPS = /^(records|acts)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/
const PERSONS = /^persons\/(\d{16})$/

/** `records/x001/234`, numbered as tlog-tiles numbers tiles; `records/x001/234.p/17` for a part. */
export function blockPath(family: Family, block: number, width?: number): string {
  let path = String(block % 1000).padStart(3, '0')
  for (let rest = Math.floor(block / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  }
  const part = width === undefined || width === BLOCK_ENTRIES ? '' : `.p/${width}`
  return `${family}/${path}${part}`
}

/** `persons/0000000000065536`, named by the first entry of its write-ahead segment. */
export function personsPath(first: number): string {
  return `persons/${String(first).padStart(PERSONS_DIGITS, '0')}`
}

/** The one way back: undefined for any name that the two functions above never give. */
export function parseBlockPath(path: string): BlockFile | undefined {
  const persons = PERSONS.exec(path)
  if (persons !== null) {
    const first = Number(persons[1])
    return Number.isSafeInteger(first) ? { family: 'persons', first } : undefined
  }
  const [, family, groups = '', part] = GROUPS.exec(path) ?? []
  if (family !== 'records' && family !== 'acts') return undefined
  const block = Number(groups.replaceAll(/[x/]/g, ''))
  const width = part === undefined ? BLOCK_ENTRIES : Number(part)
  if (!Number.isSafeInteger(block) || blockPath(family, block, width) !== path) return undefined
  return { family, block, width }
}
