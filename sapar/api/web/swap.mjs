// Puts a finished build in the place of the old one, so that nobody meets half a build in dist/.
import { renameSync, rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
renameSync("node_modules/.dist", "dist");
