import { join } from 'node:path'
import { createKeyInFile } from '../identity/index.ts'
import {
  type Clock,
  type Disk,
  diskErrorCode,
  type Random,
  writeFileDurably,
} from '../platform/index.ts'

/** What the demo writes into a data directory, all of it for an operator to read and change. */
export interface DemoFilesOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly data: string
  readonly port: number
  readonly adminPort: number
  readonly upstreamPort: number
}

export interface DemoTokens {
  readonly ADA: string
  readonly BEN: string
  /** May reload, at the control plane; at the gateway nobody in particular. */
  readonly OPS: string
}

export const CONFIG_FILE = 'countersign.yaml'
export const ENVIRONMENT_FILE = 'demo.env'
const KEYS_FILE = 'api-keys.yaml'
const TOKENS_FILE = 'demo-tokens.json'
const POLICY_FILE = 'orders.cedar'
const TOKENS_BYTES_MAX = 4096

const POLICY = `// Ada may read orders. Nobody else is mentioned, so nobody else may do anything.
@id("ada-reads-orders")
permit (principal == User::"ada", action in Action::"read", resource == Route::"orders");
`

/** Keys, policy and configuration: the first two are made once, the last follows the options. */
export async function writeDemoFiles(options: DemoFilesOptions): Promise<DemoTokens> {
  const { disk, data } = options
  const policies = join(data, 'policies')
  await disk.makeDirectory(policies)
  if ((await disk.stat(join(policies, POLICY_FILE))) === undefined) {
    await writeText(disk, join(policies, POLICY_FILE), POLICY)
  }
  const tokens = await haveTokens(options)
  await writeText(disk, join(data, CONFIG_FILE), configText(options))
  return tokens
}

export async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  await writeFileDurably(disk, path, new TextEncoder().encode(text), { syncDirectory: true })
}

/**
 * The gateway keeps hashes. A demo that is started again must still be able to say who Ada is, so
 * it keeps the keys beside them, readable by its owner: no other gateway does that.
 */
async function readTokens({ disk, data }: DemoFilesOptions): Promise<Partial<DemoTokens>> {
  try {
    const bytes = await disk.read(join(data, TOKENS_FILE), TOKENS_BYTES_MAX)
    return JSON.parse(new TextDecoder().decode(bytes)) as Partial<DemoTokens>
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return {}
    throw error
  }
}

/** Those of an earlier demo, and new ones where it had none. */
async function haveTokens(options: DemoFilesOptions): Promise<DemoTokens> {
  const file = join(options.data, KEYS_FILE)
  const make = async (principal: string): Promise<string> => {
    const facts = { principal, label: 'demo' }
    return (await createKeyInFile(file, facts, options)).token
  }
  const known = await readTokens(options)
  const tokens = {
    ADA: known.ADA ?? (await make('ada')),
    BEN: known.BEN ?? (await make('ben')),
    OPS: known.OPS ?? (await make('ops')),
  }
  await writeText(options.disk, join(options.data, TOKENS_FILE), `${JSON.stringify(tokens)}\n`)
  return tokens
}

function configText({ port, adminPort, upstreamPort }: DemoFilesOptions): string {
  return `# Written at each start of the demo. \`countersign start --config\` takes it as it is, and
# \`countersign config schema\` says what else may stand here. Paths are relative to this file.
version: 1
gateway: demo
origin: countersign.demo
data: .
log: { level: warn }
# Small, as a demo is: room that is kept, and with how little left nothing is forwarded.
disk:
  reserveBytes: 4194304
  warnFreePercent: 0
  warnFreeBytes: 33554432
  refuseFreeBytes: 8388608
listeners:
  - { name: main, host: 127.0.0.1, port: ${port} }
admin: { host: 127.0.0.1, port: ${adminPort}, roles: { operator: [{ principal: ops }] } }
identity: { keysFile: ${KEYS_FILE} }
policies: { directory: policies }
upstreams:
  orders: { url: "http://127.0.0.1:${upstreamPort}" }
routes:
  - { name: orders, path: /orders, upstream: orders, headers: [content-type] }
`
}
