import type {
  Actant,
  AdminFacts,
  AlertFacts,
  ApprovalFacts,
  BlockFacts,
  BlockFile,
  CertificateFacts,
  ConfigFacts,
  EpochFacts,
  ErasureFacts,
  FoldFacts,
  GapFacts,
  HeartbeatFacts,
  HoldFacts,
  KeyFacts,
  PolicyFacts,
  RecoveryFacts,
  ReferencedFile,
  RetentionFacts,
  SpaceFacts,
  StartFacts,
  StopFacts,
  TextPiece,
  WindowFacts,
  WorkerLostFacts,
} from './act-types.ts'
import type { ActKind } from './kinds.ts'
import type { Schema } from './schema.ts'
import { strictObject } from './schema.ts'
import * as term from './terms.ts'

/** Most files that one `block` record names. */
export const BLOCK_FILES_MAX = 256

const PATH = term.form('^(records|acts|persons|bodies)/[0-9a-zA-Z./_-]{1,200}$')
const HEARTBEAT_MS_MAX = 86_400_000

/** `who` of an act. */
export const ACTANT = strictObject<Actant>({ subject: term.KEY_ID }, { method: term.TEXT })

const START = strictObject<StartFacts>(
  {
    act: { const: 'start' },
    version: term.TEXT,
    runtime: term.TEXT,
    heartbeatMs: { type: 'integer', minimum: 1, maximum: HEARTBEAT_MS_MAX },
    rollbackProtection: term.TEXT,
  },
  {},
)

const STOP = strictObject<StopFacts>({ act: { const: 'stop' }, cause: term.TEXT }, {})

const RECOVERY = strictObject<RecoveryFacts>(
  { act: { const: 'recovery' }, interrupted: term.COUNT },
  { cutBytes: term.COUNT },
)

const HEARTBEAT = strictObject<HeartbeatFacts>(
  { act: { const: 'heartbeat' } },
  { size: term.COUNT, root: term.SHA256 },
)

const SPACE = strictObject<SpaceFacts>(
  {
    act: { const: 'space' },
    level: term.oneWordOf(['ample', 'low', 'scarce']),
    freeBytes: term.COUNT,
    totalBytes: term.COUNT,
    reserveBytes: term.COUNT,
  },
  {},
)

const WORKER_LOST = strictObject<WorkerLostFacts>(
  {
    act: { const: 'worker-lost' },
    worker: term.COUNT,
    cause: term.TEXT,
    interrupted: term.COUNT,
    folds: term.COUNT,
  },
  {},
)

const FILE = strictObject<BlockFile>({ path: PATH, sha256: term.SHA256, bytes: term.COUNT }, {})

const PIECE = strictObject<TextPiece>({ name: term.TEXT, text: term.TEXT }, {})

const REFERENCED_FILE = strictObject<ReferencedFile>({ name: term.TEXT, sha256: term.SHA256 }, {})

/** Most files, pieces of them or problems that one record of a change names. */
const CHANGE_ITEMS_MAX = 1024

const CHANGE = { act: term.oneWordOf(['loaded', 'refused']), sha256: term.SHA256 }

const CHANGE_OPTIONS = {
  previous: term.SHA256,
  by: term.oneWordOf(['start', 'signal', 'file', 'admin']),
  from: term.TEXT,
  problems: term.list(term.TEXT, CHANGE_ITEMS_MAX),
  files: term.list(PIECE, CHANGE_ITEMS_MAX),
  part: term.COUNT,
  parts: term.COUNT,
}

const PREVIOUS_EPOCH = strictObject<NonNullable<EpochFacts['previous']>>(
  { origin: term.TEXT, size: term.COUNT, root: term.SHA256 },
  {},
)

/** The schema of the `what` of every act. */
export const ACT_SCHEMAS = {
  fold: strictObject<FoldFacts>(
    {
      act: term.oneWordOf(['open', 'tally', 'close']),
      reason: term.REASON,
      scope: term.oneWordOf(['caller', 'network', 'all']),
      from: term.TIME,
    },
    { key: term.KEY_ID, untalliedMax: term.COUNT, until: term.TIME, count: term.COUNT },
  ),
  gap: strictObject<GapFacts>(
    {
      reason: term.oneWordOf([
        'ledger-unavailable',
        'not-running',
        'fold-interrupted',
        'window-interrupted',
      ]),
      from: term.TIME,
      until: term.TIME,
      unrecorded: term.COUNT,
    },
    { unrecordedMax: term.COUNT },
  ),
  window: strictObject<WindowFacts>(
    { act: term.oneWordOf(['open', 'renew', 'close']) },
    { recordsMax: term.COUNT, windowMs: term.COUNT, records: term.COUNT },
  ),
  config: strictObject<ConfigFacts>(CHANGE, {
    ...CHANGE_OPTIONS,
    references: term.list(REFERENCED_FILE, CHANGE_ITEMS_MAX),
  }),
  policy: strictObject<PolicyFacts>(CHANGE, CHANGE_OPTIONS),
  approval: strictObject<ApprovalFacts>(
    {
      act: term.oneWordOf(['asked', 'granted', 'denied', 'used', 'used-up', 'expired']),
      approval: term.TEXT,
    },
    {
      operation: term.TEXT,
      template: term.TEXT,
      subject: term.KEY_ID,
      methods: term.list(term.TEXT, 16),
      path: term.TEXT,
      uses: term.COUNT,
      use: term.COUNT,
      expires: term.TIME,
      exchange: term.UUID,
      reason: term.TEXT,
    },
  ),
  admin: strictObject<AdminFacts>(
    { operation: term.TEXT, result: term.oneWordOf(['done', 'refused', 'failed']) },
    { target: term.TEXT, from: term.TEXT, parameters: term.FACTS },
  ),
  key: strictObject<KeyFacts>(
    {
      act: term.oneWordOf(['created', 'revoked', 'expired', 'rotated', 'changed', 'restored']),
      use: term.oneWordOf(['api', 'token', 'session', 'log', 'ledger', 'subject', 'wrapping']),
      key: term.TEXT,
    },
    { subject: term.KEY_ID, expires: term.TIME },
  ),
  system: { oneOf: [START, STOP, RECOVERY, HEARTBEAT, SPACE, WORKER_LOST] },
  block: strictObject<BlockFacts>({ files: term.list(FILE, BLOCK_FILES_MAX) }, {}),
  epoch: strictObject<EpochFacts>(
    { epoch: term.COUNT, origin: term.TEXT, vkeys: term.list(term.TEXT, 8) },
    { previous: PREVIOUS_EPOCH },
  ),
  alert: strictObject<AlertFacts>(
    { act: term.oneWordOf(['raised', 'closed']), alert: term.TEXT, rule: term.TEXT },
    { indices: term.list(term.COUNT, 256), facts: term.FACTS },
  ),
  erasure: strictObject<ErasureFacts>(
    {
      act: term.oneWordOf(['asked', 'done']),
      erasure: term.TEXT,
      keys: term.list(term.KEY_ID, 1024),
    },
    { subject: term.KEY_ID },
  ),
  retention: strictObject<RetentionFacts>(
    { act: term.oneWordOf(['asked', 'done']), rule: term.TEXT, files: term.list(PATH, 1024) },
    {},
  ),
  hold: strictObject<HoldFacts>(
    { act: term.oneWordOf(['placed', 'lifted']), hold: term.TEXT },
    { subject: term.KEY_ID, from: term.TIME, until: term.TIME },
  ),
  certificate: strictObject<CertificateFacts>(
    {
      act: term.oneWordOf(['loaded', 'obtained', 'renewed', 'failed']),
      listener: term.TEXT,
      directory: term.TEXT,
      names: term.list(term.TEXT, 1024),
    },
    {
      sha256: term.SHA256,
      previous: term.SHA256,
      from: term.TIME,
      until: term.TIME,
      problem: term.TEXT,
      retry: term.TIME,
    },
  ),
} as const satisfies { readonly [kind in ActKind]: Schema }
