// SPDX-License-Identifier: GPL-3.0-or-later
//
// Flamenco job type: capture the keys of a .blend file, draw the in-betweens of each range, import all of them.
// Copy this file into the `scripts` folder beside Flamenco Manager. docs/farm.md says which variables it needs.

const JOB_TYPE = {
    label: "In-betweens",
    description: "Draw the in-betweens of Grease Pencil keys",
    settings: [
        { key: "ranges", type: "string", required: true,
          eval: "f'{C.scene.frame_start}-{C.scene.frame_end}'",
          description: "Ranges of frames; each becomes one job. Example: 1-48, 60-96" },
        { key: "object", type: "string", default: "", visible: "submission",
          description: "Grease Pencil object (empty: the active or the only one)" },
        { key: "engine", type: "string", default: "tooncrafter", choices: ["tooncrafter", "draft"],
          description: "What draws" },
        { key: "import_as", type: "string", default: "strip", choices: ["strip", "reference", "strokes"],
          description: "What the drawings become in the scene" },
        { key: "storage", type: "string", subtype: "dir_path", required: true, visible: "submission",
          description: "Folder on the shared storage where jobs and the finished file will lie" },
        { key: "blendfile", type: "string", required: true, visible: "web",
          description: "The file with the keys" },
        { key: "result", type: "string", subtype: "file_path", visible: "web", editable: false,
          description: "The file with the in-betweens" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const ranges = parseRanges(settings.ranges);
    // Every submission has a folder of its own, so nothing of an earlier one is drawn or imported again.
    const stem = path.stem(settings.blendfile).replace(".flamenco", "");
    const folder = path.join(settings.storage, `${stem}-${formatTimestampLocal(job.created)}`);
    settings.result = path.join(folder, `${stem}-inbetweens.blend`);

    const importing = author.Task("import", "blender");
    for (const range of ranges) {
        const jobs = path.join(folder, range.name);
        const capture = author.Task(`capture-${range.name}`, "blender");
        capture.addCommand(inBlender(settings, [
            "--capture-only", "--jobs", jobs, `--frames=${range.first}-${range.last}`, "--engine", settings.engine,
        ].concat(settings.object ? ["--object", settings.object] : [])));

        const draw = author.Task(`draw-${range.name}`, "misc");
        draw.addCommand(author.Command("exec", {
            exe: "{tooncrafter}",
            args: ["batch", jobs].concat(settings.import_as === "strokes" ? ["--strokes"] : []),
        }));
        // Dependencies come before addTask: the manager copies a task when it is added.
        draw.addDependency(capture);
        importing.addDependency(draw);
        job.addTask(capture);
        job.addTask(draw);
    }
    importing.addCommand(inBlender(settings, [
        "--import-only", "--jobs", folder, "--import", settings.import_as, "--save", settings.result, "--overwrite",
    ]));
    job.addTask(importing);
}

// A command that opens the file in Blender without a window and runs `inbetween` there.
function inBlender(settings, args) {
    return author.Command("exec", {
        exe: "{blender}",
        args: ["-b", settings.blendfile, "--command", "inbetween"].concat(args),
    });
}

// "1-48, 60-96" -> [{name: "f1-48", first: 1, last: 48}, ...]; throws a sentence for what is no range.
function parseRanges(text) {
    return text.split(",").map((part) => {
        const match = /^\s*(-?\d+)\s*-\s*(-?\d+)\s*$/.exec(part);
        if (!match || Number(match[1]) >= Number(match[2])) {
            throw `"${part.trim()}" is not a range of frames such as 1-48`;
        }
        return { name: `f${match[1]}-${match[2]}`, first: match[1], last: match[2] };
    });
}
