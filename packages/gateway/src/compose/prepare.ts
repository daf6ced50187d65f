import { hash } from 'node:crypto'
import type { ReferencedFile } from '@countersign/evidence'
import type { LoadProblem } from '../admin/index.ts'
import { CONFIG_BYTES_MAX, type Config, ConfigError, parseConfig } from '../config/index.ts'
import { PolicyError, type PolicyFile, PolicySet } from '../policy/index.ts'
import type { Egress, ListenerSettings } from '../proxy/index.ts'
import type { UpstreamConfig } from '../upstream/index.ts'
import { readCertificate, readPair, readUpstream } from './certificates.ts'
import { UnusableError } from './load-problem.ts'
import { readingOnce, readNamed } from './read-config.ts'
import { readEgress } from './read-egress.ts'
import { readPolicies } from './read-policies.ts'
import { referencedFiles } from './referenced-files.ts'

const REFERENCED_BYTES_MAX = 16_777_216

/** A configuration that was read and checked with everything that it names. Nothing is in force. */
export interface Prepared {
  readonly path: string
  readonly config: Config
  readonly text: string
  /** Of the text and of the referenced files, as in the `why` of decisions. */
  readonly configurationSha256: string
  readonly references: readonly ReferencedFile[]
  /** Of the secrets that it names; kept in memory alone. */
  readonly secrets: readonly ReferencedFile[]
  readonly policies: PolicySet
  readonly listeners: readonly ListenerSettings[]
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
  /** What is done for upstreams that are services of somebody else. */
  readonly egress: ReadonlyMap<string, Egress>
  readonly adminTls: { readonly certificate: string; readonly key: string } | undefined
  /** The control plane's socket, where another process has opened it. */
  readonly adminDescriptor?: number | undefined
}

/** Reads and checks; changes nothing. Throws UnusableError with everything that is wrong. */
export async function prepare(path: string): Promise<Prepared> {
  const bytes = await readNamed(path, CONFIG_BYTES_MAX)
  const config = parse(path, bytes)
  const problems: LoadProblem[] = []
  const attempt = async <T>(name: string, work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work
    } catch (error) {
      problems.push({ file: path, path: name, message: (error as Error).message })
      return undefined
    }
  }
  const read = readingOnce()
  const { references, secrets } = await readReferences(config, attempt, read)
  const listeners: ListenerSettings[] = []
  for (const [index, { tls, ...listener }] of config.listeners.entries()) {
    const certificate = await attempt(`listeners[${index}].tls`, readCertificate(tls, read))
    listeners.push({ ...listener, tls: certificate })
  }
  const upstreams: Record<string, UpstreamConfig> = {}
  const egress = new Map<string, Egress>()
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    const filled = await attempt(`upstreams.${name}`, readUpstream(upstream, read))
    if (filled !== undefined) upstreams[name] = filled
    const shown = await attempt(`upstreams.${name}.egress`, readEgress(upstream, read))
    if (shown !== undefined) egress.set(name, shown)
  }
  const adminTls = await attempt('admin.tls', readPair(config.admin.tls, read))
  const files = await attempt('policies.directory', readPolicies(config.policies.directory))
  const configurationSha256 = digestOf(bytes, references)
  if (files === undefined || problems.length > 0) {
    throw new UnusableError('config', configurationSha256, problems)
  }
  const policies = compile(config.policies.directory, files)
  const unknown = unknownTemplates(path, config, policies)
  if (unknown.length > 0) throw new UnusableError('config', configurationSha256, unknown)
  const text = new TextDecoder().decode(bytes)
  const checked = { path, config, text, configurationSha256, references, secrets, policies }
  return { ...checked, listeners, upstreams, egress, adminTls }
}

/** A permit that waits for an approval which nobody can grant only looks like one. */
function unknownTemplates(
  file: string,
  { approvals: { templates } }: Config,
  { approvals }: PolicySet,
): readonly LoadProblem[] {
  const known = Object.keys(templates).join(', ') || 'none'
  return approvals
    .filter((name) => !Object.hasOwn(templates, name))
    .map((name) => {
      const message = `a policy asks for @approval("${name}"), and no template is called so`
      return { file, path: 'approvals.templates', message, hint: `known: ${known}` }
    })
}

/** SHA-256 of the file, and after it a line `0x00 digest space name 0x0a` for each reference. */
function digestOf(bytes: Uint8Array, references: readonly ReferencedFile[]): string {
  const lines = references.map(({ name, sha256 }) => `\0${sha256} ${name}\n`)
  return hash('sha256', Buffer.concat([bytes, Buffer.from(lines.join(''))]), 'hex')
}

function parse(path: string, bytes: Uint8Array): Config {
  try {
    return parseConfig(path, bytes)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const problems = error.problems.map((problem) => ({ file: path, ...problem }))
    throw new UnusableError('config', digestOf(bytes, []), problems)
  }
}

async function readReferences(
  config: Config,
  attempt: <T>(name: string, work: Promise<T>) => Promise<T | undefined>,
  read: typeof readNamed,
): Promise<Pick<Prepared, 'references' | 'secrets'>> {
  const references: ReferencedFile[] = []
  const secrets: ReferencedFile[] = []
  for (const { name, path, isSecret } of referencedFiles(config)) {
    const bytes = await attempt(name, read(path, REFERENCED_BYTES_MAX))
    if (bytes === undefined) continue
    const sha256 = hash('sha256', bytes, 'hex')
    const list = isSecret ? secrets : references
    list.push({ name, sha256 })
  }
  return { references, secrets }
}

function compile(directory: string, files: readonly PolicyFile[]): PolicySet {
  try {
    return PolicySet.compile(files)
  } catch (error) {
    const texts = files.map(({ name, text }) => [name, text])
    const sha256 = hash('sha256', JSON.stringify(texts), 'hex')
    throw new UnusableError('policy', sha256, problemsOf(error, directory))
  }
}

/** What the engine does not survive is refused as well: what is in force needs it no more. */
function problemsOf(error: unknown, directory: string): readonly LoadProblem[] {
  if (error instanceof PolicyError) return error.problems
  return [{ file: directory, message: `the policy engine fails: ${String(error)}` }]
}
