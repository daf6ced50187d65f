import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { ConfigError, type ConfigProblem } from './config-error.ts'

/** One more than any hand writes; a bigger file is a mistake or an attack. */
export const CONFIG_BYTES_MAX = 1_048_576

export type PathStep = string | number

/** A file as plain data, and where in it things stand. */
export interface YamlFile {
  readonly value: unknown
  /** The line of the key or item at `path`, or of the nearest parent that is there. */
  lineOf(path: readonly PathStep[]): number | undefined
}

/**
 * Reads one YAML 1.2 document, strictly: duplicate keys, unknown tags, aliases and a second
 * document are errors, because each of them hides from a reader what the file says.
 */
export function parseYaml(file: string, bytes: Uint8Array): YamlFile {
  const lines = new LineCounter()
  const text = decode(file, bytes)
  const document = parseDocument(text, {
    lineCounter: lines,
    strict: true,
    uniqueKeys: false, // Compares each key with each: `visit` below looks for them.
    prettyErrors: false,
    version: '1.2',
  })
  const problemAt = (offset: number, message: string): ConfigProblem => {
    return { path: '', line: lines.linePos(offset).line, message }
  }
  const problems = [...document.errors, ...document.warnings].map(({ message, pos }) => {
    return problemAt(pos[0], message.charAt(0).toLowerCase() + message.slice(1))
  })
  const { version, explicit } = document.directives?.yaml ?? {}
  if (explicit === true && version !== '1.2') {
    problems.push(problemAt(0, `%YAML ${version}: it is read as 1.2, leave the line out`))
  }
  visit(document, {
    Map: (_key, { items }) => {
      for (const { name, offset } of twiceIn(items)) {
        problems.push(problemAt(offset, `${name} is written twice: leave one of them`))
      }
    },
    Pair: (_key, { key }) => {
      const name = isScalar(key) ? key.value : undefined
      if (typeof name === 'string' && name !== '__proto__') return
      const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0
      problems.push(
        problemAt(offset, `${String(key)} is no key: write a name, in quotes if need be`),
      )
    },
    Alias: (_key, { range, source }) => {
      problems.push(problemAt(range?.[0] ?? 0, `alias *${source}: write out what it stands for`))
    },
  })
  const keysOf = remembering()
  if (problems.length > 0) throw new ConfigError('CONFIG_SYNTAX', file, problems)
  return {
    value: document.toJS({ maxAliasCount: 0 }) as unknown,
    lineOf: (path) => {
      const offset = offsetOf(document.contents, path, keysOf)
      return offset === undefined ? undefined : lines.linePos(offset).line
    },
  }
}

/** The keys of one mapping that were there before. */
function* twiceIn(items: readonly Pair[]) {
  const seen = new Set<unknown>()
  for (const { key } of items) {
    if (!isScalar(key)) continue
    const { value, range } = key
    if (seen.has(value)) yield { name: String(value), offset: range?.[0] ?? 0 }
    seen.add(value)
  }
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    const problem = { path: '', line: undefined, message: 'is not UTF-8 text' }
    throw new ConfigError('CONFIG_SYNTAX', file, [problem])
  }
}

type KeysOf = (map: YAMLMap) => ReadonlyMap<string, Pair>

/** Tells the keys of a mapping, which may be asked for once a key. */
function remembering(): KeysOf {
  const known = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>()
  return (map) => {
    const before = known.get(map)
    if (before !== undefined) return before
    const keys = map.items.flatMap((pair) => {
      return isScalar(pair.key) ? [[String(pair.key.value), pair] as const] : []
    })
    const made = new Map(keys)
    known.set(map, made)
    return made
  }
}

function offsetOf(
  root: Node | null,
  path: readonly PathStep[],
  keysOf: KeysOf,
): number | undefined {
  let node: unknown = root
  let offset = root?.range?.[0]
  for (const step of path) {
    const next = child(node, step, keysOf)
    if (next === undefined) break
    offset = next.offset
    node = next.node
  }
  return offset
}

function child(
  node: unknown,
  step: PathStep,
  keysOf: KeysOf,
): { readonly node: unknown; readonly offset: number | undefined } | undefined {
  if (isSeq(node) && typeof step === 'number') {
    const item = node.items[step] as Node | undefined
    return item === undefined ? undefined : { node: item, offset: item.range?.[0] }
  }
  if (!isMap(node)) return undefined
  const pair = keysOf(node).get(String(step))
  if (pair === undefined) return undefined
  return { node: pair.value, offset: (pair.key as Node).range?.[0] }
}
