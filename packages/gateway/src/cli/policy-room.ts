/** The policy engine is large: it is loaded when it is asked for. */
export const policyRoom = (): Promise<typeof import('../policy/index.ts')> => {
  return import('../policy/index.ts')
}
