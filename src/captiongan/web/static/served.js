// The studio's page where a server draws.

import { say } from "./messages.js";
import { Server } from "./server.js";
import { openStudio } from "./studio.js";
import { askToken } from "./token.js";

openStudio(new Server({
  askToken,
  onWait: (seconds) => say(`The server is busy; trying again in ${seconds} s.`),
}));
