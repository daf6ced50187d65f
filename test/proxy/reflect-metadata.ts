// What @peculiar/x509 asks of the package reflect-metadata: that it is there. It keeps no metadata.
Object.assign(Reflect, {
  getMetadata: () => undefined,
  getOwnMetadata: () => undefined,
  defineMetadata: () => undefined,
})
