#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Draw all job folders below a folder with several SLURM tasks, each with one card and its part of the jobs:
#   sbatch --array=1-20 farm/slurm.sh /shared/jobs
#SBATCH --job-name=in-betweens
#SBATCH --gres=gpu:1
#SBATCH --requeue
exec "${TOONCRAFTER:-tooncrafter}" batch "$1" --share "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
