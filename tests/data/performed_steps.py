"""A scanner: sends performed steps to an agent with pynetdicom, and prints how each message was answered.

    python performed_steps.py PORT CALLED CALLING {begin|end}

All names and numbers are made up; the test looks for them in what the agent keeps and sends.
"""

import sys

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import ModalityPerformedProcedureStep, Verification

STEP = "1.2.826.0.1.3680043.9.7777.1"


def code(value, meaning, scheme="LOCAL"):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def beginning():
    step = Dataset()
    scheduled = []
    for accession in ("ACC-883311", "ACC-883312"):
        item = Dataset()
        item.StudyInstanceUID = "1.2.826.0.1.3680043.9.7777.2"
        item.AccessionNumber = accession
        item.RequestedProcedureID = "RP-5512"
        scheduled.append(item)
    step.ScheduledStepAttributesSequence = scheduled
    step.PatientName = "Featherstonehaugh^Ada^Q"
    step.PatientID = "9434765919"
    step.PatientBirthDate = "19511230"
    step.PatientSex = "F"
    step.AdmissionID = "VIS-4477"
    step.PerformedProcedureStepID = "PPS-9021"
    step.PerformedStationAETitle = "MR1"
    step.PerformedProcedureStepStartDate = "20220714"
    step.PerformedProcedureStepStartTime = "101530"
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.PerformedProcedureStepDescription = "head, Mrs Featherstonehaugh"
    step.ProcedureCodeSequence = [code("P5", "MRI head")]
    step.Modality = "MR"
    return step


def end():
    step = Dataset()
    step.PerformedProcedureStepStatus = "COMPLETED"
    step.PerformedProcedureStepEndDate = "20220714"
    step.PerformedProcedureStepEndTime = "104000"
    return step


def main():
    port, called, calling, what = sys.argv[1:]
    ae = AE(ae_title=calling)
    # One syntax for each half of the step.
    syntax = ExplicitVRLittleEndian if what == "begin" else ImplicitVRLittleEndian
    ae.add_requested_context(ModalityPerformedProcedureStep, syntax)
    ae.add_requested_context(Verification, syntax)
    association = ae.associate("127.0.0.1", int(port), ae_title=called)
    if association.is_rejected:
        primitive = association.acceptor.primitive
        print(f"rejected {primitive.result} {primitive.result_source} {primitive.diagnostic}")
        return
    if not association.is_established:
        sys.exit("no association")

    def tell(name, status):
        print(f"{name} {status.Status:04X}")

    tell("echo", association.send_c_echo())
    if what == "begin":
        tell("set", association.send_n_set(end(), ModalityPerformedProcedureStep, STEP)[0])
        for _ in range(2):
            tell("create", association.send_n_create(beginning(), ModalityPerformedProcedureStep, STEP)[0])
        wrong = beginning()
        del wrong.PerformedProcedureStepStartDate
        tell("create", association.send_n_create(wrong, ModalityPerformedProcedureStep, STEP + "1")[0])
    else:
        for _ in range(2):
            tell("set", association.send_n_set(end(), ModalityPerformedProcedureStep, STEP)[0])
    association.release()


main()
