import { z } from 'zod'
import { isPattern } from './path-pattern.ts'
import { membersSchema } from './person.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

const pattern = z
  .string()
  .max(1000)
  .refine(isPattern, 'is no pattern of a path, as /orders/*/refund or /orders/**')

const templateSchema = z.strictObject({
  approvers: membersSchema.min(1).describe('who may grant it; never whoever asks'),
  methods: z.array(z.enum(METHODS)).min(1).describe('what a grant may allow at most'),
  path: pattern.describe('the widest path of a grant; * is one segment, ** at the end all others'),
  usesMax: z.int().min(1).max(1000).default(1).describe('how often a grant may be used at most'),
  forMsMax: z
    .int()
    .min(1000)
    .max(31 * DAY_MS)
    .default(HOUR_MS)
    .describe('how long it may last'),
})

/** The section `approvals`: what a policy may make depend on a second person. */
export const approvalsConfigSchema = z.strictObject({
  url: z.url().optional().describe('where approvers reach the control plane, for the answers'),
  waitMs: z
    .int()
    .min(1000)
    .max(31 * DAY_MS)
    .default(DAY_MS)
    .describe('how long an asking waits'),
  templates: z
    .record(z.string().min(1).max(200), templateSchema)
    .default({})
    .describe('by the name that policies use: @approval("name")'),
})

/** The section `breakGlass`: who may open what is shut to them, and who looks at it after. */
export const breakGlassConfigSchema = z.strictObject({
  members: membersSchema.default([]).describe('who may activate it; nobody, unless it says so'),
  confirm: z
    .enum(['second-person', 'second-factor', 'either'])
    .default('second-person')
    .describe('what an activation needs beside a reason'),
  confirmers: membersSchema.default([]).describe('second persons beside the members'),
  mfaWithinMs: z
    .int()
    .min(1000)
    .max(DAY_MS)
    .default(5 * MINUTE_MS)
    .describe('how long ago a second factor may have been shown'),
  confirmWithinMs: z
    .int()
    .min(1000)
    .max(DAY_MS)
    .default(10 * MINUTE_MS),
  forMsMax: z.int().min(1000).max(DAY_MS).default(HOUR_MS).describe('how long it lasts at most'),
  reviewers: membersSchema.default([]).describe('who may close a review beside approvers'),
  reviewWithinMs: z
    .int()
    .min(1000)
    .max(31 * DAY_MS)
    .default(3 * DAY_MS),
})

export type ApprovalsConfig = z.infer<typeof approvalsConfigSchema>
export type ApprovalTemplate = ApprovalsConfig['templates'][string]
export type BreakGlassConfig = z.infer<typeof breakGlassConfigSchema>
