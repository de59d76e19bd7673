// Loaded before an emulator that binds to every address and can't be told not
// to: whatever it listens on, it listens on this machine only.
'use strict';
const net = require('node:net');
const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object') {
    return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  }
  if (typeof rest[0] === 'string') rest.shift();
  return listen.call(this, first, '127.0.0.1', ...rest);
};
