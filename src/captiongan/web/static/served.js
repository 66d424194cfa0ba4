// The studio's page where a server draws.

import { t } from "./language.js";
import { say } from "./messages.js";
import { Server } from "./server.js";
import { openStudio } from "./studio.js";
import { askToken } from "./token.js";

openStudio(new Server({
  askToken,
  onWait: (seconds) => say(t("The server is busy; trying again in {seconds} s.", { seconds })),
}));
