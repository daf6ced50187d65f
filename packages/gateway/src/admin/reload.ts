import type { Actant, JsonObject } from '@countersign/evidence'
import { answer, problem } from './problem.ts'
import type { ActDone, AdminCaller, AdminParts } from './route.ts'

/** One thing to repair, and where. */
export interface LoadProblem {
  readonly file: string
  /** From 1. */
  readonly line?: number | undefined
  readonly column?: number | undefined
  /** In the configuration, as in `listeners[0].port`. */
  readonly path?: string | undefined
  readonly message: string
  readonly hint?: string | undefined
}

/** Digests of what is in force, as in the `why` of records. */
export interface DigestsInForce {
  readonly configuration: string
  readonly policies: string
}

/** What became of a wish to go by the files as they are now. */
export type ReloadResult =
  | { readonly kind: 'loaded' | 'unchanged'; readonly inForce: DigestsInForce }
  | { readonly kind: 'refused'; readonly problems: readonly LoadProblem[] }
  /** The ledger could not take the change, so it did not happen. */
  | { readonly kind: 'unrecorded' }

/** Who or what wants it. */
export interface ReloadCause {
  readonly by: 'signal' | 'file' | 'admin'
  readonly from?: string
  readonly who?: Actant
}

/** What is in force, in its own words: secrets are references in it. */
export interface TextsInForce {
  readonly configuration: { readonly sha256: string; readonly text: string }
  readonly policies: {
    readonly sha256: string
    readonly files: readonly { readonly name: string; readonly text: string }[]
  }
}

/** What the control plane may ask of the configuration. */
export interface Configuring {
  reload(cause: ReloadCause): Promise<ReloadResult>
  inForce(): TextsInForce
}

export async function reload(
  _request: Request,
  { configuring }: AdminParts,
  { who, address }: AdminCaller,
): Promise<ActDone> {
  const result = await configuring.reload({ by: 'admin', from: address, who })
  switch (result.kind) {
    case 'loaded':
    case 'unchanged': {
      const { kind, inForce } = result
      return { response: answer({ result: kind, ...inForce }), parameters: { ...inForce } }
    }
    case 'refused': {
      const problems = result.problems.map(plain)
      const response = problem(
        422,
        'The configuration is refused; the old one stays in force',
        {},
        {
          result: 'refused',
          problems,
        },
      )
      return { response }
    }
    case 'unrecorded':
      return { response: problem(503, 'The ledger cannot take the change: nothing has changed') }
  }
}

export function showConfiguration(_request: Request, { configuring }: AdminParts): ActDone {
  const { configuration, policies } = configuring.inForce()
  const files = policies.files.map(({ name, text }) => ({ name, text }))
  return {
    response: answer({
      configuration: { ...configuration },
      policies: { sha256: policies.sha256, files },
    }),
  }
}

function plain(problem: LoadProblem): JsonObject {
  return Object.fromEntries(
    Object.entries(problem).filter((entry): entry is [string, string | number] => {
      return entry[1] !== undefined
    }),
  )
}
