// A stand-in for the part of Flamenco Manager that runs job types, for Node: `node flamenco_manager.js SCRIPT JOB`.
//
// It offers what job type scripts may use (author, path, print, formatTimestampLocal) with the manager's habits:
// tasks and commands need names, and a task is copied when it is added to a job, so later changes to it are lost.
// Prints {jobType, settings, tasks: [{name, type, commands, dependencies}]} or {error} as JSON.

const fs = require("fs");
const vm = require("vm");

const [scriptFile, jobText] = process.argv.slice(2);
const submitted = JSON.parse(jobText);

let lastNumber = 0;
const author = {
    Task(name, type) {
        if (!String(name).trim() || !String(type).trim()) throw new Error("a task needs a name and a type");
        const task = { number: ++lastNumber, name: name.trim(), type: type.trim(), commands: [], dependencies: [] };
        return Object.assign(task, {
            addCommand(command) { task.commands.push({ name: command.name, parameters: command.parameters }); },
            addDependency(other) { task.dependencies.push(other.number); },
        });
    },
    Command(name, parameters) { return { name, parameters }; },
};

const posix = {
    basename: (file) => file.split(/[\\/]/).pop(),
    stem: (file) => posix.basename(file).replace(/\.[^.]*$/, ""),
    dirname: (file) => file.replace(/[\\/][^\\/]*$/, ""),
    join: (...parts) => parts.map((part, i) => i ? part.replace(/^\/+/, "") : part.replace(/\/+$/, "")).join("/"),
};

const tasks = [];
const job = {
    name: submitted.name,
    created: submitted.created,
    settings: submitted.settings,
    addTask(task) { tasks.push(JSON.parse(JSON.stringify(task))); },
};
const context = vm.createContext({ author, path: posix, print() {}, formatTimestampLocal: (created) => created });

try {
    vm.runInContext(fs.readFileSync(scriptFile, "utf8"), context, { filename: scriptFile });
    const jobType = vm.runInContext("JOB_TYPE", context);
    for (const setting of jobType.settings) {
        if (!(setting.key in job.settings) && "default" in setting) job.settings[setting.key] = setting.default;
        if (setting.required && !job.settings[setting.key]) throw new Error(`${setting.key} is required`);
    }
    vm.runInContext("compileJob", context)(job);
    console.log(JSON.stringify({ jobType, settings: job.settings, tasks }));
} catch (error) {
    console.log(JSON.stringify({ error: String(error.message || error) }));
}
