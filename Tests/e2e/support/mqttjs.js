// MQTT.js on a pipe: a command is a line of JSON on standard input, an event one on standard output (libraries.py).
'use strict'
const fs = require('fs')
const mqtt = require('mqtt')

const tell = event => process.stdout.write(JSON.stringify(event) + '\n')
const told = what => (error, granted) => tell({ event: what, error: error ? error.message : null, granted })
let client

const commands = {
  connect ({ url, certificate, options }) {
    if (options.will) options.will.payload = Buffer.from(options.will.payload, 'hex')
    client = mqtt.connect(url, { ca: fs.readFileSync(certificate), checkServerIdentity: () => undefined, reconnectPeriod: 0, ...options })
    client.on('connect', packet => tell({ event: 'connected', session: packet.sessionPresent }))
    client.on('message', (topic, payload, packet) => tell({
      event: 'message', topic, payload: payload.toString('hex'), qos: packet.qos, retain: packet.retain }))
    client.on('error', error => tell({ event: 'failed', error: error.message }))
  },
  subscribe: ({ topic, qos }) => client.subscribe(topic, { qos }, told('subscribed')),
  publish: ({ topic, payload, qos, retain }) => client.publish(topic, Buffer.from(payload, 'hex'), { qos, retain }, told('published')),
  disconnect: () => client.end(false, {}, told('disconnected'))
}

require('readline').createInterface({ input: process.stdin })
  .on('line', line => {
    const command = JSON.parse(line)
    commands[command.command](command)
  })
  .on('close', () => process.exit())
