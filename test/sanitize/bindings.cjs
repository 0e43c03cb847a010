// In the place of the package "bindings": finds the sanitized addon.
'use strict'
const { join } = require('node:path')

module.exports = ({ bindings }) =>
  require(join(process.env.SANITIZED_ROOT, 'build/Release', bindings))
