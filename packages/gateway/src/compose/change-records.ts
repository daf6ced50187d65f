import { type Actant, type ChangeFacts, type ConfigFacts, cutTexts } from '@countersign/evidence'
import type { Recorder } from '../recorder/index.ts'
import { formatProblem, type UnusableError } from './load-problem.ts'
import type { Prepared } from './prepare.ts'

const PROBLEMS_MAX = 100
const PROBLEM_LENGTH_MAX = 400
/** What a configuration is called in its own record; its path is the machine's business. */
const CONFIG_NAME = 'countersign.yaml'

/** What made a change, for its records. */
export interface ChangeCause extends Pick<ChangeFacts, 'by' | 'from'> {
  readonly who?: Actant | undefined
}

interface Digests {
  readonly configuration: string
  readonly policies: string
}

/**
 * Writes down what comes into force: each change is on record, whole, before it takes effect. What
 * is on record and then does not take effect, because the rest could not be written, is followed
 * by what did.
 */
export class ChangeRecords {
  readonly #recorder: Pick<Recorder, 'act'>
  /** What the last records say; undefined where it is not known what they say. */
  #configuration: string | undefined
  #policies: string | undefined

  constructor(recorder: Pick<Recorder, 'act'>) {
    this.#recorder = recorder
  }

  /** Whether the ledger says of this, and of nothing else, that it is in force. */
  tells(next: Prepared): boolean {
    return this.#configuration === configurationOf(next) && this.#policies === policiesOf(next)
  }

  /** Durable when it resolves. */
  async loaded(next: Prepared, former: Digests | undefined, cause: ChangeCause): Promise<void> {
    if (this.#configuration !== configurationOf(next)) {
      this.#configuration = undefined
      await this.#config(next, former?.configuration, cause)
      this.#configuration = configurationOf(next)
    }
    if (this.#policies !== policiesOf(next)) {
      this.#policies = undefined
      for (const facts of next.policies.records(former?.policies)) {
        await this.#recorder.act('policy', { ...facts, ...plain(cause) }, whoOf(cause))
      }
      this.#policies = policiesOf(next)
    }
  }

  async refused(
    { kind, sha256, problems }: UnusableError,
    previous: string,
    cause: ChangeCause,
  ): Promise<void> {
    const told = problems.slice(0, PROBLEMS_MAX).map((problem) => {
      return formatProblem(problem).slice(0, PROBLEM_LENGTH_MAX).toWellFormed()
    })
    const facts = { act: 'refused', sha256, previous, problems: told, ...plain(cause) } as const
    await this.#recorder.act(kind, facts, whoOf(cause))
  }

  async #config(next: Prepared, previous: string | undefined, cause: ChangeCause): Promise<void> {
    const { configurationSha256: sha256, references, text } = next
    const groups = cutTexts([{ name: CONFIG_NAME, text }])
    for (const [index, files] of groups.entries()) {
      const facts: ConfigFacts = {
        act: 'loaded',
        sha256,
        ...(previous === undefined ? {} : { previous }),
        ...plain(cause),
        ...(references.length === 0 || index > 0 ? {} : { references }),
        files,
        ...(groups.length === 1 ? {} : { part: index + 1, parts: groups.length }),
      }
      await this.#recorder.act('config', facts, whoOf(cause))
    }
  }
}

function configurationOf({ configurationSha256 }: Prepared): string {
  return configurationSha256
}

/** A comment that changes no decision changes the text, and that is on record. */
function policiesOf({ policies }: Prepared): string {
  return JSON.stringify([policies.digest, policies.files])
}

function plain({ by, from }: ChangeCause): Pick<ChangeFacts, 'by' | 'from'> {
  return { ...(by === undefined ? {} : { by }), ...(from === undefined ? {} : { from }) }
}

function whoOf({ who }: ChangeCause): { readonly who?: Actant } {
  return who === undefined ? {} : { who }
}
