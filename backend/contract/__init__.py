"""What passes between Blender and the backend: job folders, results, strokes, and messages as lines of JSON.

Standard library only, for both halves import this and nothing else defines it. The words of a job are in `job`,
those of what became of it in `result`, those on the way in `messages`.
"""
