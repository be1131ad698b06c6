"""The in-betweening backend: a process of its own that never imports bpy.

Importing this package costs milliseconds and nothing outside the standard library, because Blender imports
the contract from it (`backend.contract.job`, `backend.contract.messages`, `backend.errors`).
"""

__version__ = "0.1.0"
