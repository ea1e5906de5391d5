// One room of Socket.IO, as its documentation has it: join with an answer, say with an answer, and everybody hears.
"use strict";
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const server = createServer();
// No compression on either side, and WebSockets from the first byte.
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, httpCompression: false });
let seq = 0;
io.on("connection", (socket) => {
  socket.on("join", (room, answer) => {
    socket.join(room);
    answer({ seq });
  });
  socket.on("say", (room, body, answer) => {
    seq += 1;
    io.to(room).emit("message", { room, seq, by: socket.id, at: new Date().toISOString(), body });
    answer({ seq });
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
